#include "agent/tell/http.h"

#include <array>
#include <charconv>
#include <chrono>
#include <mutex>

#include "agent/tell/door/bounds.h"
#include "agent/tell/html.h"
#include "agent/tell/http_server.h"
#include "agent/tell/metrics.h"
#include "agent/tell/pages.h"
#include "agent/tell/runbook.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

using httplib::Request;
using httplib::Response;

constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";
constexpr const char* kTextType = "text/plain; charset=utf-8";
constexpr const char* kJsonType = "application/json";
constexpr std::string_view kBadges = "/badge/";
constexpr const char* kElsewhere =
    " is looked at by another agent of the fleet: ask that one (stswatch fleet shows it)";
constexpr const char* kNoBadge = "there is no such badge";

void fail(Response& r, int status, const std::string& what) {
  r.status = status;
  r.set_content(what + "\n", kTextType);
}

/// Of a rua URL, which can hold nothing else (RFC 8460 §5.4), or of a sender that was given one.
std::string token_of(const Request& q) {
  constexpr std::string_view kBearer = "bearer ";
  const auto given = q.get_header_value("Authorization");
  if (text::istarts_with(given, kBearer)) return given.substr(kBearer.size());
  return q.get_param_value("token");
}

/// The newest answer to a scrape, for those who asked before it was begun and still wait: whatever they would
/// be told, it is in there. One thread makes them (door::kScrapeThreads); nothing is kept once nobody waits.
class SharedText {
 public:
  struct Text {
    std::chrono::steady_clock::time_point begun{};
    std::string plain, packed;  // by gzip; empty where nobody wants it
  };

  /// Of this format, the caller's own where nobody else wants it; `make` is asked where none that was made is
  /// new enough.
  template <class Make>
  Text of(TextFormat format, const Asked& asked, Make make) {
    const std::lock_guard lock(mutex_);
    auto& kept = kept_[format == TextFormat::openmetrics];
    if (!kept || kept->begun < asked.since) {
      kept.reset();
      const auto begun = std::chrono::steady_clock::now();
      kept = Text{begun, make(), {}};
    }
    if (asked.gzip && kept->packed.empty()) kept->packed = gzipped(kept->plain);
    if (asked.more) return *kept;
    auto out = std::move(*kept);
    kept_ = {};
    return out;
  }

 private:
  std::mutex mutex_;
  std::array<std::optional<Text>, 2> kept_;  // by format; guarded by mutex_
};

class Server : public HttpServer {
 public:
  explicit Server(HttpParts parts)
      : parts_(std::move(parts)),
        server_([this] { return parts_.gate(); }, [this] { return parts_.own_names(); }) {
    server_.set_error_handler([](const Request&, Response& r) {
      if (!r.body.empty()) return;
      fail(r, r.status,
           r.status == 404 ? "no such page: see contrib/api.md" : "this request cannot be served");
    });
    add_probes();
    add_reports();
    add_runbook();
    add_api();
    add_badges();
    add_pages();
  }

  ~Server() override {
    if (door_) door_->end();
  }

  tl::expected<void, std::string> listen(const std::string& host, int port) {
    auto door = door::open_door(
        host, port,
        {.gate = [this] { return parts_.gate(); },
         .serve = [this](door::Request q) { return server_.serve(std::move(q)); },
         .open =
             [this](const door::RequestHead& head) {
               return head.method != "POST" && head.path().starts_with(kBadges) && parts_.badges_are_public();
             },
         .pace =
             [](const door::RequestHead& head) {
               const auto path = head.path();
               if (path == "/-/healthy" || path == "/-/ready") return door::Pace::health;
               if (path == "/metrics") return door::Pace::scrape;
               if (door::is_report(path)) return door::Pace::report;
               return path == "/probe" || path == "/-/reload" ? door::Pace::patient : door::Pace::quick;
             }});
    if (!door) return tl::make_unexpected(std::move(door.error()));
    door_ = std::move(*door);
    return {};
  }

  int port() const override { return door_->port(); }

 private:
  /// Of what programs send: whoever asks otherwise is told so.
  template <class Handler>
  void takes_post(const char* path, Handler handler) {
    server_.Post(path, std::move(handler));
    server_.Get(path, [](const Request&, Response& r) {
      r.set_header("Allow", "POST");
      fail(r, 405, "this takes a POST alone: see contrib/api.md");
    });
  }

  void add_probes() {
    server_.Get("/metrics", [this](const Request& q, Response& r) {
      const auto format = format_for(q);
      const auto& asked = HttpRoutes::asked();
      auto text = scraped_.of(format, asked, [&] { return text_of(parts_.metrics, format); });
      const bool pack = asked.gzip && !text.packed.empty();
      answer_metrics(r, format, std::move(pack ? text.packed : text.plain), pack);
    });
    server_.Get("/probe", [this](const Request& q, Response& r) { probe(q, r); });
    server_.Get("/-/healthy", [this](const Request&, Response& r) {
      if (const auto why = parts_.stuck()) return fail(r, 503, "stswatch is stuck: " + *why);
      r.set_content("stswatch is healthy\n" + own_trouble_in_words(parts_.own()), kTextType);
    });
    server_.Get("/-/ready", [this](const Request&, Response& r) {
      if (!parts_.ready()) return fail(r, 503, "stswatch is starting or stopping");
      r.set_content("stswatch is ready\n" + own_trouble_in_words(parts_.own()), kTextType);
    });
    takes_post("/-/reload", [this](const Request& q, Response& r) {
      const auto done = parts_.reload(caller_of(q).str());
      if (!done) return fail(r, 500, done.error());
      r.set_content("reloaded\n", kTextType);
    });
  }

  /// RFC 8460 §5.4.
  void add_reports() {
    using Reader = httplib::ContentReader;
    takes_post("/tlsrpt", [this](const Request& q, Response& r, const Reader& read) {
      std::string body;  // read here, it is there once
      body.reserve(q.get_header_value<std::uint64_t>("Content-Length"));
      read([&](const char* octets, std::size_t n) {
        body.append(octets, n);
        return true;
      });
      const auto answer = parts_.report({.body = std::move(body),
                                         .media_type = q.get_header_value("Content-Type"),
                                         .token = token_of(q),
                                         .address = q.remote_addr});
      if (answer.status == 429 || answer.status == 503) r.set_header("Retry-After", "60");
      if (answer.status == 401) r.set_header("WWW-Authenticate", "Bearer");
      fail(r, answer.status, answer.words);
    });
  }

  void add_runbook() {
    server_.Get(R"(/runbook/([A-Za-z0-9-]{1,80})(\.md)?)", [](const Request& q, Response& r) {
      const auto page = runbook_page(q.matches[1].str());
      if (!page) return fail(r, 404, "no finding or alert of this name: see stswatch explain");
      r.set_content(*page, kTextType);
    });
  }

  /// Where there is none, nobody is told whether the domain is watched.
  void add_badges() {
    server_.Get(R"(/badge/([^/]{1,300})\.svg)", [this](const Request& q, Response& r) {
      r.set_header("Cache-Control", "max-age=60");
      r.set_header("X-Content-Type-Options", "nosniff");
      const auto name = Domain::parse(q.matches[1].str());
      if (!name || !parts_.has_badge(name->str())) return fail(r, 404, kNoBadge);
      const auto snapshot = parts_.snapshot();
      const auto* memory = find_domain(snapshot, name->str());
      if (memory == nullptr) return fail(r, 404, kNoBadge);
      r.set_header("Content-Security-Policy", "default-src 'none'");
      r.set_content(badge_svg(snapshot, *memory), "image/svg+xml");
    });
  }

  void add_api() {
    server_.Get("/api/v1/domains", [this](const Request&, Response& r) {
      r.set_content(api_domains(parts_.snapshot()), kJsonType);
    });
    server_.Get("/api/v1/findings", [this](const Request&, Response& r) {
      r.set_content(api_findings(parts_.snapshot()), kJsonType);
    });
    server_.Get("/api/v1/silences", [this](const Request&, Response& r) {
      r.set_content(api_silences(parts_.snapshot()), kJsonType);
    });
    server_.Get(R"(/api/v1/domains/([^/]{1,300}))", [this](const Request& q, Response& r) {
      const auto name = Domain::parse(q.matches[1].str());
      if (!name) return fail(r, 400, name.error());
      const auto document = api_domain(parts_.snapshot(), name->str());
      if (!document) return fail(r, 404, name->str() + " is not watched, or was not looked at yet");
      r.set_content(*document, kJsonType);
    });
    takes_post(R"(/api/v1/domains/([^/]{1,300})/check)", [this](const Request& q, Response& r) {
      const auto name = Domain::parse(q.matches[1].str());
      if (!name) return fail(r, 400, name.error());
      const auto looking = parts_.look_now(*name, caller_of(q).str());
      if (looking == HttpParts::Looking::not_watched) return fail(r, 404, name->str() + " is not watched");
      if (looking == HttpParts::Looking::elsewhere) return fail(r, 409, name->str() + kElsewhere);
      r.status = 202;
      r.set_content(looking == HttpParts::Looking::at_it ? "looking again\n" : "just looked\n", kTextType);
    });
  }

  void add_pages() {
    const auto asset = [this](const char* path, std::string_view content, const char* type) {
      server_.Get(path, [content, type](const Request&, Response& r) {
        r.set_content(content.data(), content.size(), type);
      });
    };
    asset("/style.css", kPageStyle, "text/css; charset=utf-8");
    asset("/page.js", kPageScript, "text/javascript; charset=utf-8");
    asset("/icon.svg", kPageIcon, "image/svg+xml");
    server_.Get("/", [this](const Request& q, Response& r) {
      const auto given = [&](const char* key) { return q.get_param_value(key).substr(0, 200); };
      ListQuery query{given("q"), given("status"), q.has_param("sort") ? given("sort") : "urgency", 1};
      const auto page = given("page");
      std::from_chars(page.data(), page.data() + page.size(), query.page);
      show(r, page_of_domains(parts_.snapshot(), query));
    });
    server_.Get(R"(/domain/([^/]{1,300}))", [this](const Request& q, Response& r) {
      const auto name = Domain::parse(q.matches[1].str());
      const auto asked = parse_utc(q.get_param_value("asked"));
      const auto page = name ? page_of_domain(parts_.snapshot(), name->str(), asked) : std::nullopt;
      if (page) return show(r, *page);
      refuse(r, name ? 404 : 400, name ? "Not here" : "No domain name",
             name ? name->str() + " is not watched, or was not looked at yet." : name.error() + ".", "../");
    });
    add_forms();
  }

  /// What the buttons of a domain's page send. Each leads back to the page.
  void add_forms() {
    // Where it leads besides the page; nullopt: it has answered.
    using Where = std::optional<std::string>;
    using Act = std::function<Where(const Request&, Response&, const Domain&)>;
    const auto form = [this](const char* path, Act act) {
      server_.Post(path, [this, act = std::move(act)](const Request& q, Response& r) {
        const auto name = Domain::parse(q.matches[1].str());
        if (!name) return refuse(r, 400, "No domain name", name.error() + ".", "../../");
        if (const auto query = act(q, r, *name)) r.set_redirect("../" + name->str() + *query, 303);
      });
    };
    const auto refused = [this](Response& r, int status, const std::string& why) -> Where {
      refuse(r, status, status == 404 ? "Not here" : "Not done", why, "../../");
      return std::nullopt;
    };
    form(R"(/domain/([^/]{1,300})/check)",
         [this, refused](const Request& q, Response& r, const Domain& name) -> Where {
           const auto asked = parts_.snapshot().now;
           const auto looking = parts_.look_now(name, caller_of(q).str());
           if (looking == HttpParts::Looking::not_watched)
             return refused(r, 404, "This domain is not watched.");
           if (looking == HttpParts::Looking::elsewhere)
             return refused(r, 409, "The domain" + std::string(kElsewhere) + ".");
           return looking == HttpParts::Looking::at_it ? "?asked=" + to_utc(asked) : "";
         });
    form(R"(/domain/([^/]{1,300})/silence)",
         [this, refused](const Request& q, Response& r, const Domain& name) -> Where {
           const auto fields = fields_of(q, {"code", "subject", "for"}, {"comment"});
           if (!fields) return refused(r, 400, fields.error());
           const auto snapshot = parts_.snapshot();
           const auto* memory = find_domain(snapshot, name.str());
           if (memory == nullptr) return refused(r, 404, "This domain is not watched.");
           const auto comment = fields->find("comment");
           auto silence = silence_of({fields->at("code"), fields->at("subject"), fields->at("for"),
                                      comment == fields->end() ? "" : comment->second},
                                     *memory, snapshot.now);
           if (!silence) return refused(r, 400, silence.error());
           silence->by = caller_of(q).str();
           if (const auto done = parts_.silence(*silence); !done) return refused(r, 409, done.error());
           return "";
         });
    form(R"(/domain/([^/]{1,300})/unsilence)",
         [this, refused](const Request& q, Response& r, const Domain& name) -> Where {
           const auto fields = fields_of(q, {"id"});
           if (!fields) return refused(r, 400, fields.error());
           const auto silences = parts_.snapshot().silences;
           const auto found = silences.find(fields->at("id"));
           const bool shown = found != silences.end() && glob_matches(found->second.domain, name.str());
           if (shown && parts_.lift_silence(found->first, caller_of(q).str())) return "";
           return refused(r, 404, "This silence has ended already.");
         });
    form(R"(/domain/([^/]{1,300})/acknowledge)",
         [this, refused](const Request& q, Response& r, const Domain& name) -> Where {
           if (parts_.acknowledge(name, caller_of(q).str())) return "";
           return refused(r, 404, "Nothing that is still so was told of this domain.");
         });
  }

  void refuse(Response& r, int status, const std::string& title, const std::string& words,
              const std::string& up) const {
    r.status = status;
    show(r, page_of_message(title, words, up, parts_.own()));
  }

  static void show(Response& r, const std::string& page) {
    r.set_header("Content-Security-Policy", kPagePolicy);
    r.set_header("X-Content-Type-Options", "nosniff");
    r.set_header("Referrer-Policy", "same-origin");  // else the buttons send Origin: null
    r.set_header("Cache-Control", "no-store");
    r.set_content(page, "text/html; charset=utf-8");
  }

  static TextFormat format_for(const Request& q) {
    const bool open = q.get_header_value("Accept").find("application/openmetrics-text") != std::string::npos;
    return open ? TextFormat::openmetrics : TextFormat::prometheus;
  }

  static void answer_metrics(Response& r, TextFormat format, std::string text, bool packed) {
    r.body = std::move(text);
    r.set_header("Content-Type", format == TextFormat::openmetrics ? kOpenMetricsType : kMetricsType);
    if (packed) r.set_header("Content-Encoding", "gzip");
    r.set_header("Vary", "Accept, Accept-Encoding");
  }

  void probe(const Request& q, Response& r) {
    constexpr const char* kTimeout = "X-Prometheus-Scrape-Timeout-Seconds";
    std::optional<std::chrono::milliseconds> timeout;
    if (q.has_header(kTimeout)) {
      timeout = scrape_timeout(q.get_header_value(kTimeout));
      if (!timeout) return fail(r, 400, std::string(kTimeout) + " is no number of seconds");
    }
    const auto answer = parts_.probe(q.get_param_value("target"), timeout);
    if (!answer) return fail(r, answer.error().status, answer.error().what);
    const auto families = probe_families(*answer);
    if (q.get_param_value("debug") == "true")
      return r.set_content(probe_in_words(*answer, text_of(families, TextFormat::prometheus)), kTextType);
    const auto format = format_for(q);
    auto text = text_of(families, format);
    auto packed = HttpRoutes::asked().gzip ? gzipped(text) : std::string();
    const bool pack = !packed.empty();
    answer_metrics(r, format, std::move(pack ? packed : text), pack);
  }

  HttpParts parts_;
  HttpRoutes server_;
  SharedText scraped_;
  std::unique_ptr<door::Door> door_;
};

}  // namespace

tl::expected<std::unique_ptr<HttpServer>, std::string> serve_http(const std::string& host, int port,
                                                                  HttpParts parts) {
  auto server = std::make_unique<Server>(std::move(parts));
  const auto listening = server->listen(host, port);
  if (listening) return server;
  return tl::make_unexpected("cannot listen on " + host + ":" + std::to_string(port) + ": " +
                             listening.error() +
                             ": stop what holds it, or set agent.listen (STSWATCH_LISTEN)");
}

}  // namespace stswatch
