package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"gopkg.in/yaml.v3"
)

// The little of a kubeconfig that the tests write: one cluster, one user.
type kubeconfig struct {
	Clusters []struct {
		Cluster struct {
			Server string `yaml:"server"`
			CA     string `yaml:"certificate-authority-data"`
		} `yaml:"cluster"`
	} `yaml:"clusters"`
	Users []struct {
		User struct {
			Certificate string `yaml:"client-certificate-data"`
			Key         string `yaml:"client-key-data"`
			Token       string `yaml:"token"`
		} `yaml:"user"`
	} `yaml:"users"`
}

type api struct {
	server, token string
	client        http.Client
}

func connect(file string) (*api, error) {
	var config kubeconfig
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		return nil, err
	}
	if len(config.Clusters) != 1 || len(config.Users) != 1 {
		return nil, fmt.Errorf("%s: not one cluster and one user", file)
	}
	cluster, user := config.Clusters[0].Cluster, config.Users[0].User
	secure := &tls.Config{RootCAs: x509.NewCertPool()}
	ca, err := base64.StdEncoding.DecodeString(cluster.CA)
	if err != nil || !secure.RootCAs.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s: no certificate authority", file)
	}
	if user.Certificate != "" {
		certificate, _ := base64.StdEncoding.DecodeString(user.Certificate)
		key, _ := base64.StdEncoding.DecodeString(user.Key)
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			return nil, err
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	return &api{cluster.Server, user.Token, http.Client{
		Timeout:   20 * time.Second,
		Transport: &http.Transport{TLSClientConfig: secure, Proxy: nil},
	}}, nil
}

// The object, and whether it is there.
func (a *api) call(ctx context.Context, verb, path string, body any) (*object, bool, error) {
	var text []byte
	if body != nil {
		text, _ = json.Marshal(body)
	}
	req, err := http.NewRequestWithContext(ctx, verb, a.server+path, bytes.NewReader(text))
	if err != nil {
		return nil, false, err
	}
	req.Header.Set("Content-Type", "application/json")
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return nil, false, err
	}
	defer resp.Body.Close()
	text, err = io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode == http.StatusNotFound {
		return nil, false, err
	}
	if resp.StatusCode >= 300 {
		return nil, false, fmt.Errorf("%s %s: %s: %s", verb, path, resp.Status, text)
	}
	var got object
	return &got, true, json.Unmarshal(text, &got)
}

type object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
		UID       string `json:"uid,omitempty"`
	} `json:"metadata"`
	Data map[string]string `json:"data"`
}

type configMap struct{ around *surroundings }

type configMapModel struct {
	Namespace types.String `tfsdk:"namespace"`
	Name      types.String `tfsdk:"name"`
	Data      types.Map    `tfsdk:"data"`
	UID       types.String `tfsdk:"uid"`
}

func (m configMapModel) collection() string {
	return "/api/v1/namespaces/" + m.Namespace.ValueString() + "/configmaps"
}
func (m configMapModel) path() string { return m.collection() + "/" + m.Name.ValueString() }

func (m configMapModel) object(ctx context.Context) object {
	o := object{APIVersion: "v1", Kind: "ConfigMap"}
	o.Metadata.Namespace, o.Metadata.Name = m.Namespace.ValueString(), m.Name.ValueString()
	m.Data.ElementsAs(ctx, &o.Data, false)
	return o
}

func (*configMap) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_config_map"
}

func (*configMap) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	name := schema.StringAttribute{
		Required:      true,
		PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
	}
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"namespace": name,
		"name":      name,
		"data":      schema.MapAttribute{Required: true, ElementType: types.StringType},
		"uid": schema.StringAttribute{
			Computed:      true,
			PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		},
	}}
}

func (c *configMap) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	c.around, _ = req.ProviderData.(*surroundings)
}

// One call for the object of `m`; a map that is not there is nil.
func (c *configMap) do(ctx context.Context, verb, path string, body any) (*object, error) {
	a, err := connect(c.around.kubeconfig)
	if err != nil {
		return nil, err
	}
	got, there, err := a.call(ctx, verb, path, body)
	if err != nil || !there {
		return nil, err
	}
	if verb != http.MethodGet {
		c.around.note(strings.ToLower(verb) + " " + path)
	}
	return got, nil
}

func (c *configMap) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m configMapModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	got, err := c.do(ctx, http.MethodPost, m.collection(), m.object(ctx))
	if err != nil || got == nil {
		resp.Diagnostics.AddError("cannot make the ConfigMap", fmt.Sprint(err))
		return
	}
	m.UID = types.StringValue(got.Metadata.UID)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (c *configMap) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var m configMapModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	got, err := c.do(ctx, http.MethodGet, m.path(), nil)
	if err != nil {
		resp.Diagnostics.AddError("cannot read the ConfigMap", err.Error())
		return
	}
	if got == nil {
		resp.State.RemoveResource(ctx)
		return
	}
	data, diags := types.MapValueFrom(ctx, types.StringType, got.Data)
	resp.Diagnostics.Append(diags...)
	m.Data, m.UID = data, types.StringValue(got.Metadata.UID)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (c *configMap) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m configMapModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if got, err := c.do(ctx, http.MethodPut, m.path(), m.object(ctx)); err != nil || got == nil {
		resp.Diagnostics.AddError("cannot change the ConfigMap", fmt.Sprint(err))
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (c *configMap) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var m configMapModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if _, err := c.do(ctx, http.MethodDelete, m.path(), nil); err != nil {
		resp.Diagnostics.AddError("cannot remove the ConfigMap", err.Error())
	}
}

func (c *configMap) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	namespace, name, _ := strings.Cut(req.ID, "/")
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("namespace"), namespace)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("name"), name)...)
}
