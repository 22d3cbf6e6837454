// One request as its octets come in, within the bounds of bounds.h: complete, or refused at the first octet
// that is too many or could be read in two ways. Pure.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace stswatch::door {

// The head of an HTTP/1 request by the letter of RFC 9112: what two readers could take for different requests
// is refused, never repaired. Pure.

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

// A chunked body as it comes in (RFC 9112 §7.1): its data within a bound, and everything beside the data
// within another. Extensions and trailers are read and dropped. Pure.

class Chunks {
 public:
  using Take = std::function<void(std::string_view)>;

  /// `most`: octets of data.
  explicit Chunks(std::size_t most) : most_(most) {}

  /// Takes what belongs to the body and hands its data on; returns how many octets that was.
  tl::expected<std::size_t, Refusal> take(std::string_view octets, const Take& data);
  bool complete() const { return part_ == Part::end; }

 private:
  enum class Part { size, data, data_end, trailers, end };
  tl::expected<std::size_t, Refusal> take_line(std::string_view octets);
  std::optional<Refusal> read_line();
  std::optional<Refusal> read_size();

  std::size_t most_;
  Part part_ = Part::size;
  std::string line_;
  std::size_t left_ = 0;                              // of this chunk
  std::size_t data_ = 0, beside_ = 0, trailers_ = 0;  // octets so far; lines of trailers
};

/// In pieces, so that no copy of the whole is made while it grows or is handed on.
class Body {
 public:
  void add(std::string_view octets);
  /// Takes the next octets, at most `room`; 0 at the end.
  std::size_t read(char* into, std::size_t room);
  std::size_t size() const { return size_; }

 private:
  std::deque<std::string> pieces_;
  std::size_t at_ = 0, size_ = 0;  // read of the first piece; left of all
};

class RequestReader {
 public:
  enum class State { empty, head, body, complete, refused };

  /// Takes what belongs to this request; returns how many octets that was.
  std::size_t take(std::string_view octets);

  State state() const { return state_; }
  const Refusal& refusal() const { return *refusal_; }
  /// Once it is complete.
  RequestHead& head() { return *head_; }
  const RequestHead& head() const { return *head_; }
  Body& body() { return body_; }
  const Body& body() const { return body_; }
  std::size_t held() const { return text_.size() + head_octets_ + body_.size(); }

 private:
  std::size_t take_head(std::string_view octets);
  std::size_t take_body(std::string_view octets);
  void begin_body();
  void refuse(Refusal refusal);

  State state_ = State::empty;
  std::string text_;
  std::size_t lines_ = 0, skipped_ = 0;  // complete ones of the head; empty ones before it
  std::size_t head_octets_ = 0;
  std::optional<RequestHead> head_;
  std::optional<Chunks> chunks_;
  std::optional<Refusal> refusal_;
  Body body_;
};

}  // namespace stswatch::door
