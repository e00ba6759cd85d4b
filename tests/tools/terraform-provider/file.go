package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

type file struct{ around *surroundings }

type fileModel struct {
	Path    types.String `tfsdk:"path"`
	Content types.String `tfsdk:"content"`
	WaitFor types.String `tfsdk:"wait_for"`
}

func (*file) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_file"
}

func (*file) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{Attributes: map[string]schema.Attribute{
		"path": schema.StringAttribute{
			Required:      true,
			PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
		"content":  schema.StringAttribute{Required: true},
		"wait_for": schema.StringAttribute{Optional: true},
	}}
}

func (f *file) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	f.around, _ = req.ProviderData.(*surroundings)
}

func (m fileModel) write() error {
	return os.WriteFile(m.Path.ValueString(), []byte(m.Content.ValueString()), 0o600)
}

func (f *file) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m fileModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := m.write(); err != nil {
		resp.Diagnostics.AddError("cannot write the file", err.Error())
		return
	}
	f.around.note("create " + m.Path.ValueString())
	for waited := m.WaitFor.ValueString(); waited != ""; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(waited); err == nil || ctx.Err() != nil {
			break
		}
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (f *file) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var m fileModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	text, err := os.ReadFile(m.Path.ValueString())
	if errors.Is(err, fs.ErrNotExist) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		resp.Diagnostics.AddError("cannot read the file", err.Error())
		return
	}
	m.Content = types.StringValue(string(text))
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (f *file) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m fileModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := m.write(); err != nil {
		resp.Diagnostics.AddError("cannot write the file", err.Error())
		return
	}
	f.around.note("update " + m.Path.ValueString())
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (f *file) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var m fileModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := os.Remove(m.Path.ValueString()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		resp.Diagnostics.AddError("cannot remove the file", err.Error())
		return
	}
	f.around.note("delete " + m.Path.ValueString())
}

func (f *file) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	resource.ImportStatePassthroughID(ctx, path.Root("path"), req, resp)
}
