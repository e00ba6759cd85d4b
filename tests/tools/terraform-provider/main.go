// A provider for Terraform and OpenTofu whose things are real and can drift: files, and ConfigMaps of a
// cluster over plain HTTPS.
//
//	world_file        path, content; wait_for: creating lasts until that file is there
//	world_config_map  namespace, name, data; the provider's kubeconfig says where
//
// Both can be imported, by PATH and by NAMESPACE/NAME. What was made and removed is noted, a line each,
// in the file of the provider's `log`.
package main

import (
	"context"
	"log"
	"os"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

const address = "tests.example/devenv/world"

type world struct{}

type settings struct {
	Kubeconfig types.String `tfsdk:"kubeconfig"`
	Log        types.String `tfsdk:"log"`
}

// What resources get of the provider.
type surroundings struct {
	kubeconfig string
	log        string
}

func (s *surroundings) note(line string) {
	if s == nil || s.log == "" {
		return
	}
	file, err := os.OpenFile(s.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer file.Close()
	file.WriteString(line + "\n")
}

func (world) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "world"
}

func (world) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"kubeconfig": schema.StringAttribute{Optional: true},
		"log":        schema.StringAttribute{Optional: true},
	}}
}

func (world) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var given settings
	resp.Diagnostics.Append(req.Config.Get(ctx, &given)...)
	resp.ResourceData = &surroundings{given.Kubeconfig.ValueString(), given.Log.ValueString()}
}

func (world) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		func() resource.Resource { return &file{} },
		func() resource.Resource { return &configMap{} },
	}
}

func (world) DataSources(context.Context) []func() datasource.DataSource { return nil }

func main() {
	if err := providerserver.Serve(context.Background(), func() provider.Provider { return world{} },
		providerserver.ServeOpts{Address: address}); err != nil {
		log.Fatal(err)
	}
}
