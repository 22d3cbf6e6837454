// The agent's own HTTP server: /metrics, /-/healthy, /-/ready.
#pragma once

#include <prometheus/collectable.h>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace stswatch {

struct HttpParts {
  std::vector<std::shared_ptr<prometheus::Collectable>> metrics;
  std::function<bool()> ready;
};

class HttpServer {
 public:
  virtual ~HttpServer() = default;  // stops and joins
  virtual int port() const = 0;
};

/// Listens at once; port 0 picks a free one. The error names the address and how to mend it.
tl::expected<std::unique_ptr<HttpServer>, std::string> serve_http(const std::string& host, int port,
                                                                  HttpParts parts);

}  // namespace stswatch
