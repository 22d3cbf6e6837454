// An HTTP server on loopback that notes what it is asked, and files that hold secrets. Nothing here is under
// test.
#pragma once

#include <httplib.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace stswatch::alerts {

class Listener {
 public:
  Listener() {
    const auto serve = [this](const httplib::Request& request, httplib::Response& response) {
      requests.push_back(request);
      response.status = status;
      for (const auto& [name, value] : headers)
        response.set_header(name.c_str(), value);
      response.set_content(answer(request), "text/plain");
    };
    server_.Post(".*", serve);
    server_.Get(".*", serve);
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running())
      std::this_thread::yield();
  }
  ~Listener() {
    server_.stop();
    thread_.join();
  }
  std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }

  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::function<std::string(const httplib::Request&)> answer = [](const auto&) {
    return "said by the server\r\n\x1b[31m";
  };
  std::vector<httplib::Request> requests;  // read only between calls

 private:
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
};

class File {
 public:
  explicit File(const std::string& text) { std::ofstream(path) << text; }
  ~File() { std::remove(path.c_str()); }
  const std::string path =
      "/tmp/stswatch-test-secret-" + std::to_string(::getpid()) + "-" + std::to_string(++count_);

 private:
  inline static int count_ = 0;
};

}  // namespace stswatch::alerts
