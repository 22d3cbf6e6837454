// httplib's routes behind our own door. Its server half cannot be held to bounds: 0.11.4 reads chunked
// bodies, chunk lines, header lines and compressed bodies without end, and answers each range of a Range
// header, all of it before a handler runs (measured: 2.1 GB in ten seconds from one client). So it gets no
// socket. The door reads each request within its bounds; what is complete is written down anew, without what
// httplib must not see, and handed over in memory, as is the answer on its way back.
#pragma once

#include <httplib.h>

#include <chrono>

#include "agent/tell/door/door.h"
#include "agent/tell/door/web_gate.h"

// Debian's cpp-httplib is a shared library built with these; a file compiled without them has other class
// layouts.
#if !defined(CPPHTTPLIB_OPENSSL_SUPPORT) || !defined(CPPHTTPLIB_ZLIB_SUPPORT)
#error "link PkgConfig::HTTPLIB: its definitions are part of the ABI"
#endif

namespace stswatch {

/// What the door knows of the request that a route answers at this moment, and httplib does not.
struct Asked {
  std::chrono::steady_clock::time_point since{};  // when it was complete
  bool more = false;                              // others of its kind wait
  bool gzip = false;                              // it may be answered packed
};

class HttpRoutes : public httplib::Server {
 public:
  using Gate = std::function<std::shared_ptr<WebGate>()>;
  using Own = std::function<door::OwnNames()>;

  HttpRoutes(Gate gate, Own own);

  /// Thread-safe once all routes are set.
  door::Answer serve(door::Request request);
  /// To be asked by a route, in the thread that serves it.
  static const Asked& asked();

 private:
  bool process_and_close_socket(socket_t) override { return false; }  // it has none

  const Gate gate_;
  const Own own_;
};

/// Who asks for something, and from where; for the log and for what is kept of it.
struct Caller {
  std::string user;  // empty where nobody is asked for a name
  std::string address;
  std::string str() const { return user.empty() ? address : user + " from " + address; }
};
Caller caller_of(const httplib::Request& request);

/// The fields of a form, each once; the error is for the sender. `may` may be missing, nothing else may be
/// there.
tl::expected<std::map<std::string, std::string>, std::string> fields_of(
    const httplib::Request& request, const std::vector<std::string>& must,
    const std::vector<std::string>& may = {});

}  // namespace stswatch
