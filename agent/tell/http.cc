#include "agent/tell/http.h"

#include <httplib.h>
#include <prometheus/text_serializer.h>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <thread>

// Debian's cpp-httplib is a shared library built with these; a file compiled without them has other class
// layouts.
#if !defined(CPPHTTPLIB_OPENSSL_SUPPORT) || !defined(CPPHTTPLIB_ZLIB_SUPPORT)
#error "link PkgConfig::HTTPLIB: its definitions are part of the ABI"
#endif

namespace stswatch {
namespace {

constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";
constexpr const char* kTextType = "text/plain; charset=utf-8";
constexpr std::size_t kThreads = 4;  // Prometheus, a probe and a person
constexpr std::size_t kRequestBody = 1U << 20;

class Server : public HttpServer {
 public:
  explicit Server(HttpParts parts) : parts_(std::move(parts)) {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };  // httplib takes ownership
    server_.set_payload_max_length(kRequestBody);
    server_.set_read_timeout(5);
    server_.set_write_timeout(10);
    server_.set_keep_alive_timeout(30);
    server_.Get("/metrics", [this](const httplib::Request&, httplib::Response& r) {
      r.set_content(exposition(), kMetricsType);
    });
    server_.Get("/-/healthy", [](const httplib::Request&, httplib::Response& r) {
      r.set_content("stswatch is healthy\n", kTextType);
    });
    server_.Get("/-/ready", [this](const httplib::Request&, httplib::Response& r) {
      const bool ready = parts_.ready();
      r.status = ready ? 200 : 503;
      r.set_content(ready ? "stswatch is ready\n" : "stswatch is starting or stopping\n", kTextType);
    });
    server_.set_error_handler([](const httplib::Request& q, httplib::Response& r) {
      if (r.body.empty())
        r.set_content("no such page: " + std::to_string(r.status) + ": see /metrics\n", kTextType);
      (void)q;
    });
  }

  ~Server() override {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  bool listen(const std::string& host, int port) {
    if (port == 0)
      port_ = server_.bind_to_any_port(host);
    else
      port_ = server_.bind_to_port(host, port) ? port : -1;
    if (port_ <= 0) return false;
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running())
      std::this_thread::yield();  // stop() before that would be lost
    return true;
  }

  int port() const override { return port_; }

 private:
  std::string exposition() const {
    std::vector<prometheus::MetricFamily> families;
    for (const auto& part : parts_.metrics)
      for (auto& family : part->Collect())
        families.push_back(std::move(family));
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families);
    return out.str();
  }

  HttpParts parts_;
  httplib::Server server_;
  std::thread thread_;
  int port_ = -1;
};

}  // namespace

tl::expected<std::unique_ptr<HttpServer>, std::string> serve_http(const std::string& host, int port,
                                                                  HttpParts parts) {
  auto server = std::make_unique<Server>(std::move(parts));
  errno = 0;
  if (server->listen(host, port)) return server;
  const std::string why = errno != 0 ? std::strerror(errno) : "address not available";
  return tl::make_unexpected("cannot listen on " + host + ":" + std::to_string(port) + ": " + why +
                             ": stop what holds it, or set agent.listen (STSWATCH_LISTEN)");
}

}  // namespace stswatch
