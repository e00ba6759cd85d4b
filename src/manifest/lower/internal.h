/*
 * Between the files of lowering, one topic each:
 *
 *   lower.c            which word becomes what, and all of it together
 *   value.c            values and resources under construction
 *   reference.c        ${service.x.y}, ${cluster.x}, ${terraform.x.outputs.y}
 *   order.c            dependencies and triggers
 *   ports.c            the ports of a service, however they are written
 *   catalogue.c        type: postgresql and the like, in terms of a plain service; catalogue_entries.c is its table
 *   source.c           what its image is built from
 *   files.c            configuration that containers mount
 *   docker.c, process.c, proxy.c  services without a cluster
 *   cluster.c          spec.cluster and the namespace of the environment
 *   object.c           Kubernetes objects under construction
 *   workload.c, pod.c, mount.c, ingress.c, policy.c
 *                      a service on a cluster
 *   chart.c            the same with a chart of its own
 *   helm.c             spec.helm.repositories
 *   terraform.c, secret.c, hook.c  spec.terraform, spec.secrets, hooks
 */
#ifndef DEVENV_MANIFEST_LOWER_INTERNAL_H
#define DEVENV_MANIFEST_LOWER_INTERNAL_H

#include "base/map.h"
#include "manifest/loading.h"
#include "manifest/lower/lower.h"

enum service_kind {
	SERVICE_BAD,       /* was diagnosed */
	SERVICE_CONTAINER, /* image, build or source: docker_container */
	SERVICE_PROCESS,   /* a command and no image: local_process */
	SERVICE_COMMAND,   /* the same of type job: local_command */
	SERVICE_WORKLOAD,  /* image, build or source where there is a cluster: kubernetes_manifest */
	SERVICE_CHART,     /* a chart: helm_release */
};

/* One of `ports`, as "8080:80/udp", 80 or {name, port, targetPort}. Texts, for they may be references. */
struct service_port {
	const char *name;     /* NULL: none */
	const char *host;     /* on this machine; NULL: not published, or the engine chooses */
	const char *address;  /* of this machine, that the host port is bound to; NULL: all */
	const char *service;  /* where others in the cluster reach it */
	const char *target;   /* where the program listens */
	const char *protocol; /* tcp, udp, sctp */
	const struct value *at;
};

struct service {
	const char *name;
	const struct value *spec;    /* its map, references to other services replaced */
	const struct catalogue_entry *entry; /* of type: postgresql and the like; NULL: none */
	enum service_kind kind;
	bool job;
	bool has_ingress;            /* an Ingress was made for it */
	const char *address;         /* of the resource that others wait for */
	bool uses_host;              /* a container that refers to what runs on this machine */
	const char **uses;           /* names of services that its references name */
	size_t n_uses, cap_uses;
	const char **needs;          /* addresses of what was made for it: volumes, secrets, its namespace */
	size_t n_needs, cap_needs;
	const char **triggers;       /* addresses of what makes it anew when it changes */
	size_t n_triggers, cap_triggers;
	const char *revisions;       /* references to those of its configuration; NULL: it has none */
	struct service_port *ports;
	size_t n_ports;
};

/* spec.cluster; `spec` NULL: there is none. */
struct cluster {
	const struct value *spec;
	const char *address;   /* of the k3d_cluster; NULL: one that exists already */
	const char *namespace; /* of the environment */
	struct value where;    /* what a resource has as `cluster:` */
	struct value_builder published; /* ports that services publish through the load balancer */
	unsigned char node_ports[2768]; /* taken, from 30000 */
};

struct lowering {
	struct loading *loading;
	struct manifest *manifest;
	struct arena *arena;
	struct diags *diags;
	const struct value *spec;      /* the whole merged spec */
	const struct value *resources; /* as written */
	struct service *services;
	size_t n;
	struct map by_name;            /* -> index into services */
	struct value_builder made;     /* the new resources */
	struct map volumes;            /* named volumes that were lowered already */
	struct map networks;
	struct cluster cluster;
};

/* --- value.c ---------------------------------------------------------------------------------- */

/* A string with `text`, at the place of `at`. */
struct value lower_text(struct lowering *l, const char *text, const struct value *at);
/* A piece cut out of `whole`: as sensitive as that, and with references only where it has some. */
struct value lower_part(struct lowering *l, const char *text, const struct value *whole);
/* A map of texts: key, value, ..., NULL. A NULL value leaves its key out. */
struct value lower_texts(struct lowering *l, const struct value *at, ...)
	__attribute__((sentinel));
/* The map or list that was built, at the place of `at`. */
struct value lower_map(struct value_builder *b, const struct value *at);
struct value lower_list(struct value_builder *b, const struct value *at);
struct value lower_one(struct lowering *l, struct value item); /* a list of one */
struct value lower_wrap(struct lowering *l, const char *key, struct value value); /* a map of one */
/* A map, or a list of KEY=VALUE, as a map. */
struct value lower_key_values(struct lowering *l, const struct value *value);
/* "a b 'c d'" -> [a, b, c d]; a list stays. */
struct value lower_words(struct lowering *l, const struct value *value);

bool lower_is_declared(const struct lowering *l, const char *type, const char *name);
/* Of a list of maps the one with that name; NULL: none. */
const struct value *lower_named(const struct value *list, const char *name);
/* A resource under construction, with type, name and $service, at the place of the service. */
void lower_begin(struct lowering *l, struct value_builder *b, const struct service *service,
	const char *type, const char *name);
/* Adds it to l->made. */
void lower_end(struct lowering *l, struct value_builder *b, const struct service *service);
/* The member `from` of the service under the name `to`, when it is there. */
void lower_copy(struct value_builder *b, const struct service *service, const char *from,
	const char *to);
/* More than one, or none: forEach over "1", "2", ... */
void lower_replicas(struct lowering *l, struct value_builder *b, const struct service *service);

/* --- reference.c ------------------------------------------------------------------------------ */

/* Where the one that asks runs. */
enum view {
	VIEW_MACHINE,   /* this machine: processes, outputs, most resources */
	VIEW_CONTAINER, /* in a container of the engine */
	VIEW_CLUSTER,   /* in the environment's namespace of the cluster */
	VIEW_INGRESS,   /* on this machine, by its name */
};

struct service *lower_service(struct lowering *l, const char *name); /* NULL: none */
/* References in `value`; what it uses is noted in `user` (NULL: nobody). */
const struct value *lower_references(struct lowering *l, struct service *user, enum view view,
	const struct value *value);

/* --- order.c ---------------------------------------------------------------------------------- */

/* One item of dependsOn. */
void lower_depend(struct lowering *l, struct value_builder *list, const char *address,
	const struct value *type, const struct value *at);
/* The service waits for `address`, besides what it says itself. */
void lower_need(struct lowering *l, struct service *service, const char *address);
/* One item of `dependencies` of a "service NAME" or a "terraform module NAME", as that of dependsOn. */
void lower_dependency(struct lowering *l, struct value_builder *list,
	const char *user, const struct value *item);
/* dependsOn and lifecycle: dependencies, references to services, triggers. */
void lower_order(struct lowering *l, struct value_builder *b, const struct service *service);

/* --- ports.c ---------------------------------------------------------------------------------- */

void lower_ports(struct lowering *l, struct service *service);
/* The one of that name, or for NULL the first; NULL: none. */
const struct service_port *lower_port(const struct service *service, const char *name);

/* --- catalogue.c ------------------------------------------------------------------------------ */

/* The entry that `type:` names; NULL: none. */
const struct catalogue_entry *catalogue_find(const char *type);
void catalogue_nearest(struct nearest *nearest); /* tries all types */
/* The service in plain words: image, ports, env, volumes, healthcheck, where it says nothing itself. */
const struct value *catalogue_plain(struct lowering *l, const struct catalogue_entry *entry,
	const struct value *spec);
/* Says in the lifecycle of what holds `volume` which program writes it, where the service is a database. */
void catalogue_contents(struct lowering *l, const struct service *service, const char *volume,
	struct value_builder *b);
/* The neutral words as values of its chart, which keeps its data in `claim` (NULL: in one of its own). */
struct value catalogue_values(struct lowering *l, const struct service *service, const char *claim);
/* `over` wins, map by map. */
struct value catalogue_joined(struct lowering *l, const struct value *under, const struct value *over);
/* SCHEME://USER:PASSWORD@HOST:PORT/DATABASE; as sensitive as its parts. `entry` NULL: of any service. */
struct value catalogue_url(struct lowering *l, const struct service *service, const char *host,
	const char *port, const char *scheme);

/* --- one word each ------------------------------------------------------------------------------ */

/* The network that services are in which name none. */
extern const char docker_network_of_all[];
void lower_container(struct lowering *l, struct service *service);
/* It mounts `source`, the folder or file of a volume of type configmap or secret. */
void lower_mounted_files(struct lowering *l, struct service *service, const char *name,
	const struct value *source, bool secret);
void lower_process(struct lowering *l, const struct service *service);
void lower_command(struct lowering *l, const struct service *service);
void lower_terraform(struct lowering *l);
/* spec.secrets that live somewhere else, too. */
void lower_secrets(struct lowering *l);
/* What the pods of the service pull their images with, into its ServiceAccount. */
void lower_pull_secrets(struct lowering *l, struct service *service, struct value_builder *account);

/* ingress.c: how services are reached by name. */
void lower_ingress(struct lowering *l, struct service *service, struct value_builder *objects);
/* What no single service makes: the environment's own certificate; without a cluster the proxy. */
void lower_ingresses(struct lowering *l);
const struct service_port *ingress_port(struct lowering *l, const struct service *service); /* NULL: it has none */
const char *ingress_host(struct lowering *l, const struct service *service); /* NULL: likewise */
const char *ingress_path(const struct service *service);
/* Whether what has that host and path leads to both. They have one. */
bool ingress_is_same(struct lowering *l, const struct service *a, const struct service *b);
const struct value *ingress_tls(struct lowering *l, const struct service *service); /* NULL: none */
bool ingress_is_secure(struct lowering *l, const struct service *service);
/* PEM of what `tls` says, or references to it. -1: diagnosed. */
int ingress_certificate(struct lowering *l, const struct value *tls, struct value *certificate,
	struct value *key);
/* Of this machine, where the proxy is reached. */
const char *ingress_outer_port(struct lowering *l, bool secure);
const char *ingress_outer_address(struct lowering *l, bool secure);
void lower_proxy(struct lowering *l);

/* source.c: the image of a service, with what makes it. */
struct value lower_image(struct lowering *l, const struct service *service);
/* "URL#REF:PATH", or a map of a git source. */
bool lower_is_git(const struct value *source);
/* git_source.NAME of it; returns the reference to its folder. */
struct value lower_git(struct lowering *l, const struct service *user, const char *name,
	const struct value *source);
/* One that is built, as the cluster finds it; `policy` of pulling it. */
struct value lower_built(struct lowering *l, struct service *service, const char **policy);

/* vain.c: warns of keys that mean nothing where they stand; `written` is the service without its entry. */
void lower_vain_service(struct lowering *l, const struct service *service, const struct value *written);
void lower_vain_volumes(struct lowering *l);

/* helm.c: a helm_release whose chart is one of spec.helm.repositories. */
struct value lower_repository(struct lowering *l, const struct value *release);

/* hook.c: commands around what changes. */
void lower_hook_before(struct lowering *l, struct service *service);
void lower_hook_after(struct lowering *l, struct service *service);
/* All resources, with those of spec.hooks. */
struct value lower_hooks(struct lowering *l, struct value all);

/* --- clusters ----------------------------------------------------------------------------------- */

/* Fills l->cluster from spec.cluster. */
void cluster_read(struct lowering *l);
/* The cluster and its namespace as resources, once all services have said what they publish. */
void cluster_lower(struct lowering *l);
/* What ${cluster.PATH} is; NULL: nothing. */
const char *cluster_member(struct lowering *l, const char *path);
/* A port of the nodes behind `host`, a port of this machine that the load balancer forwards. */
int cluster_publish(struct lowering *l, const struct service_port *port);

/* apiVersion, kind, metadata with the labels of the service. */
void object_begin(struct lowering *l, struct value_builder *b, const struct service *service,
	const char *api_version, const char *kind, const char *name);
/* What selects the pods of a service, also those of a chart. */
struct value object_labels(struct lowering *l, const struct service *service);
/* A kubernetes_manifest of `objects`, that others of the service wait for as its address. */
void object_resource(struct lowering *l, struct service *service, const char *name,
	struct value_builder *objects);
/* The same, begun and without its end: for what has more to say. */
void object_resource_begin(struct lowering *l, struct value_builder *b,
	const struct service *service, const char *name, struct value_builder *objects);
void object_resource_end(struct lowering *l, struct value_builder *b, struct service *service,
	const char *name);
/* A port: a number, or a reference to one. */
struct value object_number(struct lowering *l, const char *text, const struct value *at);
const char *object_protocol(const char *protocol); /* "tcp" -> "TCP" */
/* "1g" as Docker reads it -> "1Gi" as Kubernetes does. */
struct value object_quantity(struct lowering *l, const struct value *size);

void lower_workload(struct lowering *l, struct service *service);
void lower_chart(struct lowering *l, struct service *service);
bool lower_is_folder(const struct value *chart); /* of the project */
/* metadata and spec of its pods; what they need beside is made. *persistent: they keep data. */
struct value lower_pod(struct lowering *l, struct service *service, bool *persistent);
/* Its pods are made anew when `revision` changes, a reference to that of a ConfigMap, a Secret, an image. */
void lower_uses(struct lowering *l, struct service *service, const char *revision);
/* Volumes of the pod and mounts of its container. */
void lower_mounts(struct lowering *l, struct service *service, struct value_builder *volumes,
	struct value_builder *mounts, bool *persistent);
/* The claim of a persistent volume that spec.volumes declares, before the service. */
void lower_claim(struct lowering *l, struct service *service, const char *name);
/* Who may speak to its pods, as a NetworkPolicy of that name. */
void lower_policy(struct lowering *l, const struct service *service, const char *name,
	struct value_builder *objects);

#endif
