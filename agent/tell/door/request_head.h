// The head of an HTTP/1 request by the letter of RFC 9112: what two readers could take for different requests
// is refused, never repaired. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace stswatch::door {

/// What the client is told; its connection ends with it.
struct Refusal {
  int status = 400;
  std::string why;
};

struct Header {
  std::string name, value;
};

struct RequestHead {
  std::string method;  // GET, HEAD or POST
  std::string target;  // origin-form: begins with "/"
  std::string host;    // RFC 9112 §3.2.2: of an absolute target, else of the Host header; "" of HTTP/1.0
  std::vector<Header> headers;
  std::size_t length = 0;  // Content-Length
  bool chunked = false;
  bool keep = true;             // the connection, after the answer
  bool wants_continue = false;  // Expect: 100-continue

  std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
  /// Of the first header of this name in lower case; "" without one.
  std::string_view value(std::string_view name) const;
};

/// `text`: request line and header lines, each with its CRLF, without the empty line at the end.
tl::expected<RequestHead, Refusal> parse_head(std::string_view text);

/// "name: value" without its CRLF (RFC 9112 §5).
tl::expected<Header, Refusal> parse_header(std::string_view line);

bool same_word(std::string_view a, std::string_view b);  // whatever their case

}  // namespace stswatch::door
