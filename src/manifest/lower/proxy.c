/*
 * Ingress without a cluster: one container of nginx in front of all services that have one, in each of
 * their networks. Its configuration, certificates and keys go in by its environment and stay in memory
 * there; another set of routes is another container. It runs as nobody, and looks names up each time,
 * so it waits for no service and outlives each of them.
 */
#include "manifest/lower/internal.h"

#include <string.h>

#define HOST_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*"

static const char proxy_name[] = "ingress-proxy";
static const char default_image[] = "nginx:1.27";

static const char head[] = "pid /tmp/nginx.pid;\nworker_processes 1;\nerror_log stderr warn;\n"
	"events { worker_connections 4096; }\nhttp {\naccess_log /dev/stdout;\n"
	"client_body_temp_path /tmp/body;\nproxy_temp_path /tmp/proxy;\nfastcgi_temp_path /tmp/fastcgi;\n"
	"uwsgi_temp_path /tmp/uwsgi;\nscgi_temp_path /tmp/scgi;\n"
	"client_max_body_size 0;\nserver_names_hash_bucket_size 256;\nserver_tokens off;\n"
	"resolver 127.0.0.11 valid=2s ipv6=off;\n"
	"map $http_upgrade $upgrade { default upgrade; '' ''; }\n"
	"proxy_http_version 1.1;\nproxy_buffering off;\nproxy_read_timeout 1h;\nproxy_send_timeout 1h;\n"
	"proxy_set_header Host $http_host;\nproxy_set_header Upgrade $http_upgrade;\n"
	"proxy_set_header Connection $upgrade;\n"
	"proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n"
	"proxy_set_header X-Forwarded-Host $http_host;\nproxy_set_header X-Forwarded-Proto $scheme;\n"
	"server { listen 8080 default_server; return 404; }\n";

struct route {
	const struct service *service;
	const struct service_port *port;
	const char *host, *path;
	const struct value *tls; /* NULL: none */
};

struct proxy {
	struct lowering *l;
	struct route *routes;
	size_t n;
	struct strbuf config, script;
	struct value_builder env;
	size_t n_certificates;
	bool secure, uses_host;
};

/* --- routes -------------------------------------------------------------------------------------- */

static bool is_plain(const char *text, const char *more)
{
	size_t n;

	for (; *text; text += n) {
		n = strspn(text, HOST_LETTERS);
		if (text[n] && !strchr(more, text[n]))
			return false;
		n += text[n] != '\0';
	}
	return true;
}

/* They become text of a configuration: nothing in them may end a word there. */
static bool is_usable(struct proxy *p, const struct route *route)
{
	const struct value *at = value_get(route->service->spec, "ingress");
	bool good = is_plain(route->host, "") && route->path[0] == '/' && is_plain(route->path, "/~+%@:");

	if (!at)
		at = route->service->spec;
	if (!good) {
		diag_error(p->l->diags, value_pos(at), "service %s: the proxy takes no host \"%s\" with the path "
			"\"%s\"", route->service->name, route->host, route->path);
		diag_hint(p->l->diags, "a host is made of letters, digits, \"-\" and \".\", a path begins with \"/\", "
			"and both are known before anything is applied");
	}
	for (size_t i = 0; good && i < p->n; i++) {
		if (!ingress_is_same(p->l, p->routes[i].service, route->service))
			continue;
		diag_error(p->l->diags, value_pos(at), "%s%s leads to service %s already", route->host, route->path,
			p->routes[i].service->name);
		diag_hint(p->l->diags, "give one of them another host or path");
		return false;
	}
	return good;
}

static void read_routes(struct proxy *p)
{
	struct lowering *l = p->l;

	p->routes = arena_zalloc(l->arena, (l->n + 1) * sizeof(*p->routes));
	for (size_t i = 0; i < l->n; i++) {
		const struct service *service = &l->services[i];
		struct route route = {.service = service, .port = ingress_port(l, service)};

		if (!route.port)
			continue;
		route.host = ingress_host(l, service);
		route.path = ingress_path(service);
		route.tls = ingress_tls(l, service);
		if (!is_usable(p, &route))
			continue;
		p->uses_host |= service->kind == SERVICE_PROCESS;
		p->routes[p->n++] = route;
	}
}

/* --- configuration ------------------------------------------------------------------------------- */

/* As a prefix of whole segments, which is what an Ingress means: /a is /a and /a/b, not /ab. */
static void add_location(struct proxy *p, const struct route *route)
{
	size_t len = strlen(route->path);
	const char *target = route->port->target;
	cleanup_strbuf struct strbuf to = STRBUF_INIT;

	if (route->service->kind == SERVICE_PROCESS)
		strbuf_addf(&to, "proxy_pass http://host.docker.internal:%s;", route->port->host);
	else /* a variable: looked up while it runs */
		strbuf_addf(&to, "set $to http://%s:%s; proxy_pass $to;", route->service->name, target);
	for (; len && route->path[len - 1] == '/'; len--)
		;
	if (len)
		strbuf_addf(&p->config, "location = %.*s { %s }\n", (int)len, route->path, to.text);
	strbuf_addf(&p->config, "location %.*s/ { %s }\n", (int)len, route->path, to.text);
}

static void add_locations(struct proxy *p, const char *host)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->routes[i].host, host) == 0)
			add_location(p, &p->routes[i]);
	}
}

/* What a variable holds becomes a file that only the proxy reads. */
static void put_file(struct proxy *p, const char *variable, struct value value, const char *file)
{
	builder_put(&p->env, variable, value);
	strbuf_addf(&p->script, "printf '%%s\\n' \"$%s\" >%s && unset %s && ", variable, file, variable);
}

/* Files 0.crt and 0.key, and so on; several hosts with one certificate have a pair each. */
static bool add_certificate(struct proxy *p, const struct route *route)
{
	size_t n = p->n_certificates++;
	struct value certificate, key;

	if (ingress_certificate(p->l, route->tls, &certificate, &key) < 0)
		return false;
	put_file(p, arena_printf(p->l->arena, "CERTIFICATE_%zu", n), certificate,
		arena_printf(p->l->arena, "%zu.crt", n));
	put_file(p, arena_printf(p->l->arena, "KEY_%zu", n), key,
		arena_printf(p->l->arena, "%zu.key", n));
	strbuf_addf(&p->config, "ssl_certificate /tmp/%zu.crt;\nssl_certificate_key /tmp/%zu.key;\n", n, n);
	return true;
}

static void add_host(struct proxy *p, const struct route *route)
{
	const struct value *tls = NULL;
	const char *port = ingress_outer_port(p->l, true);
	struct route secure = *route;

	for (size_t i = 0; i < p->n && !tls; i++) {
		if (strcmp(p->routes[i].host, route->host) == 0)
			tls = p->routes[i].tls;
	}
	strbuf_addf(&p->config, "server {\nlisten 8080;\nserver_name %s;\n", route->host);
	if (!tls) {
		add_locations(p, route->host);
		strbuf_addstr(&p->config, "}\n");
		return;
	}
	strbuf_addf(&p->config, "return 308 https://$host%s%s$request_uri;\n}\n"
		"server {\nlisten 8443 ssl;\nserver_name %s;\n", strcmp(port, "443") ? ":" : "",
		strcmp(port, "443") ? port : "", route->host);
	secure.tls = tls;
	if (!add_certificate(p, &secure))
		return;
	p->secure = true;
	add_locations(p, route->host);
	strbuf_addstr(&p->config, "}\n");
}

static void add_hosts(struct proxy *p)
{
	for (size_t i = 0; i < p->n; i++) {
		bool seen = false;

		for (size_t j = 0; j < i && !seen; j++)
			seen = strcmp(p->routes[j].host, p->routes[i].host) == 0;
		if (!seen)
			add_host(p, &p->routes[i]);
	}
	if (p->secure)
		strbuf_addstr(&p->config, "server { listen 8443 ssl default_server; ssl_reject_handshake on; }\n");
	strbuf_addstr(&p->config, "}\n");
}

/* --- the container ------------------------------------------------------------------------------- */

static void put_networks(struct proxy *p, struct value_builder *b, const struct value *at)
{
	struct lowering *l = p->l;
	struct value_builder list;
	struct map seen = {0};

	builder_init(&list, l->arena);
	for (size_t i = 0; i < p->n; i++) {
		const struct service *service = p->routes[i].service;
		const struct value *names = value_get(service->spec, "networks");
		const char *name = names && names->kind == VALUE_LIST && names->len
			? value_text(names->items, "") : docker_network_of_all;

		if (service->kind != SERVICE_CONTAINER || !map_add(&seen, name, 0))
			continue;
		builder_push(&list, lower_texts(l, at, "name",
			arena_printf(l->arena, "${docker_network.%s.name}", name), NULL));
	}
	map_release(&seen);
	if (list.n)
		builder_put(b, "networks", lower_list(&list, at));
}

static void put_ports(struct proxy *p, struct value_builder *b, const struct value *at)
{
	static const int inner[] = {8080, 8443};
	struct value_builder list;

	builder_init(&list, p->l->arena);
	for (int secure = 0; secure <= p->secure; secure++)
		builder_push(&list, lower_text(p->l, arena_printf(p->l->arena, "%s:%s:%d",
			ingress_outer_address(p->l, secure), ingress_outer_port(p->l, secure),
			inner[secure]), at));
	builder_put(b, "ports", lower_list(&list, at));
}

/* Nobody's rights, nothing to write to but memory. */
static void put_limits(struct proxy *p, struct value_builder *b, const struct value *at)
{
	struct lowering *l = p->l;

	builder_put(b, "user", lower_text(l, "65534:65534", at));
	builder_put(b, "capDrop", lower_one(l, lower_text(l, "ALL", at)));
	builder_put(b, "securityOpt", lower_one(l, lower_text(l, "no-new-privileges", at)));
	builder_put_bool(b, "readOnly", true);
	builder_put(b, "tmpfs", lower_one(l, lower_text(l, "/tmp:mode=1777,size=64m", at)));
	builder_put(b, "stopSignal", lower_text(l, "SIGTERM", at));
	if (p->uses_host)
		builder_put(b, "extraHosts", lower_one(l,
			lower_text(l, "host.docker.internal:host-gateway", at)));
}

static void put_program(struct proxy *p, struct value_builder *b, const struct value *at)
{
	struct lowering *l = p->l;
	struct value_builder words;

	put_file(p, "CONFIGURATION", lower_text(l, p->config.text, at), "nginx.conf");
	builder_init(&words, l->arena);
	builder_push(&words, lower_text(l, "sh", at));
	builder_push(&words, lower_text(l, "-c", at));
	builder_push(&words, lower_text(l, arena_printf(l->arena, "umask 077 && cd /tmp && %sexec nginx "
		"-e stderr -c /tmp/nginx.conf -g 'daemon off;'", p->script.text), at));
	builder_put(b, "entrypoint", lower_list(&words, at));
	builder_put(b, "environment", lower_map(&p->env, at));
}

void lower_proxy(struct lowering *l)
{
	const struct value *ingress = value_path(l->spec, "networking.ingress");
	const struct value *image = value_get(ingress, "image");
	struct proxy p = {.l = l, .config = STRBUF_INIT, .script = STRBUF_INIT};
	struct value_builder b;

	read_routes(&p);
	if (p.n && !lower_is_declared(l, "docker_container", proxy_name)) {
		const struct value *at = ingress ? ingress : p.routes[0].service->spec;
		struct service nobody = {.spec = at};

		builder_init(&p.env, l->arena);
		strbuf_addstr(&p.config, head);
		add_hosts(&p);
		lower_begin(l, &b, &nobody, "docker_container", proxy_name);
		builder_put(&b, "image", image ? *image : lower_text(l, default_image, at));
		put_program(&p, &b, at);
		put_ports(&p, &b, at);
		put_networks(&p, &b, at);
		put_limits(&p, &b, at);
		builder_put(&b, "readiness", lower_wrap(l, "port", value_int(l->arena, 8080)));
		lower_end(l, &b, &nobody);
	}
	strbuf_release(&p.config);
	strbuf_release(&p.script);
}
