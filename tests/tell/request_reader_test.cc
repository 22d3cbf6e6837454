#include "agent/tell/door/request_reader.h"

#include <doctest/doctest.h>

#include "agent/tell/door/bounds.h"

namespace stswatch::door {

using State = RequestReader::State;

namespace {

/// All of it, `step` octets at a time; what is left over is appended to *rest.
RequestReader read(std::string_view octets, std::size_t step = 1U << 20, std::string* rest = nullptr) {
  RequestReader reader;
  while (!octets.empty() && reader.state() != State::complete && reader.state() != State::refused) {
    const auto piece = octets.substr(0, step);
    const auto n = reader.take(piece);
    REQUIRE(n <= piece.size());
    REQUIRE(n > 0);
    octets.remove_prefix(n);
  }
  if (rest != nullptr) *rest += octets;
  return reader;
}

int status_of(const std::string& octets, std::size_t step = 1U << 20) {
  const auto reader = read(octets, step);
  if (reader.state() == State::complete) return 200;
  return reader.state() == State::refused ? reader.refusal().status : 0;
}

std::string text_of(Body& body) {
  std::string out(body.size(), '\0');
  for (std::size_t at = 0; at < out.size();)
    at += body.read(out.data() + at, out.size() - at);
  return out;
}

std::string get(const std::string& headers) { return "GET / HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n"; }
std::string post(const std::string& headers, const std::string& body) {
  return "POST /x HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n" + body;
}
std::string chunked(const std::string& body) { return post("Transfer-Encoding: chunked\r\n", body); }
std::string lines(std::size_t n) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i)
    out += "X-" + std::to_string(i) + ": y\r\n";
  return out;
}

}  // namespace

TEST_CASE("what is well formed is read, in whatever pieces it comes") {
  for (const std::size_t step : {1U, 2U, 3U, 7U, 1000U}) {
    CAPTURE(step);
    auto plain = read(post("Content-Length: 5\r\nConnection: close\r\n", "hello"), step);
    REQUIRE(plain.state() == State::complete);
    CHECK(plain.head().method == "POST");
    CHECK(plain.head().target == "/x");
    CHECK(plain.head().host == "a");
    CHECK_FALSE(plain.head().keep);
    CHECK(text_of(plain.body()) == "hello");
    std::string rest;
    auto chunks = read(chunked("3;a=b\r\nhel\r\n002\r\nlo\r\n0\r\nX: y\r\n\r\nGET "), step, &rest);
    REQUIRE(chunks.state() == State::complete);
    CHECK(chunks.head().keep);
    CHECK(text_of(chunks.body()) == "hello");
    CHECK(rest.ends_with("GET "));
  }
  CHECK(status_of("\r\n" + get("")) == 200);
  CHECK(status_of("GET / HTTP/1.0\r\n\r\n") == 200);
  CHECK(status_of(get("Range: bytes=0-,0-\r\nUpgrade: h2c\r\n")) == 200);
}

TEST_CASE("an absolute target names the host (RFC 9112 3.2.2)") {
  auto whole = read("GET http://evil.example:80/metrics?x HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(whole.state() == State::complete);
  CHECK(whole.head().host == "evil.example:80");
  CHECK(whole.head().target == "/metrics?x");
  CHECK(whole.head().path() == "/metrics");
  CHECK(status_of("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
}

TEST_CASE("what two readers could take for different requests is refused") {
  struct Row {
    const char* why;
    std::string octets;
    int status;
  };
  const Row rows[] = {
      {"two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), 400},
      {"two lengths that agree", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400},
      {"two lengths in one line", post("Content-Length: 5, 5\r\n", "hello"), 400},
      {"a length with a sign", post("Content-Length: +5\r\n", "hello"), 400},
      {"a negative length", post("Content-Length: -1\r\n", ""), 400},
      {"no digits", post("Content-Length: \r\n", ""), 400},
      {"hexadecimal", post("Content-Length: 0x5\r\n", "hello"), 400},
      {"a length that wraps", post("Content-Length: 18446744073709551621\r\n", "hello"), 413},
      {"length and chunks", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"chunks and length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), 400},
      {"two codings", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"a coding nobody knows", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501},
      {"a coding that hides", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 501},
      {"chunks of HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"a space before the colon", post("Content-Length : 5\r\n", "hello"), 400},
      {"a tab before the colon", post("Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n"), 400},
      {"a folded line", get("X: y\r\n z\r\n"), 400},
      {"a folded first line", get(" X: y\r\n"), 400},
      {"no name", get(": y\r\n"), 400},
      {"no colon", get("X\r\n"), 400},
      {"a bare LF", "GET / HTTP/1.1\nHost: a\n\n", 400},
      {"a bare LF among headers", "GET / HTTP/1.1\r\nHost: a\r\nX: y\n\r\n", 400},
      {"a bare CR", get("X: y\rZ: z\r\n"), 400},
      {"a NUL", get(std::string("X: \0y\r\n", 7)), 400},
      {"two hosts", get("Host: b\r\n"), 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"a host that is none", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"a space in the path", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"no version", "GET /\r\n\r\n", 400},
      {"HTTP/2", "GET / HTTP/2.0\r\n\r\n", 505},
      {"no such method", "FETCH / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
      {"a method that is not taken", "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", 405},
      {"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", 12), 400},
      {"empty lines", "\r\n\r\n\r\n\r\n", 400},
      {"no size of a chunk", chunked("\r\nhello\r\n0\r\n\r\n"), 400},
      {"a size with a sign", chunked("+5\r\nhello\r\n0\r\n\r\n"), 400},
      {"a size in C", chunked("0x5\r\nhello\r\n0\r\n\r\n"), 400},
      {"a size and a space", chunked("5 \r\nhello\r\n0\r\n\r\n"), 400},
      {"a size before a space", chunked(" 5\r\nhello\r\n0\r\n\r\n"), 400},
      {"a chunk longer than its size", chunked("4\r\nhello\r\n0\r\n\r\n"), 400},
      {"a chunk's size ends with LF", chunked("5\nhello\r\n0\r\n\r\n"), 400},
      {"a chunk ends with LF", chunked("5\r\nhello\n0\r\n\r\n"), 400},
      {"a CR within a chunk line", chunked("5;a=\rb\r\nhello\r\n0\r\n\r\n"), 400},
      {"a trailer that is none", chunked("0\r\nX\r\n\r\n"), 400},
      {"a folded trailer", chunked("0\r\nX: y\r\n z\r\n\r\n"), 400},
      {"a content encoding", post("Content-Encoding: gzip\r\nContent-Length: 5\r\n", "hello"), 415},
      {"a form in parts", post("Content-Type: Multipart/form-data; boundary=x\r\nContent-Length: 1\r\n", "x"),
       415},
      {"another expectation", post("Expect: wonders\r\nContent-Length: 1\r\n", "x"), 417},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    CHECK(status_of(row.octets) == row.status);
    CHECK(status_of(row.octets, 1) == row.status);
  }
}

TEST_CASE("each part has its bound, and what is at the bound is read") {
  const auto sized = [](std::size_t n) {
    return post("Content-Length: " + std::to_string(n) + "\r\n", std::string(n, 'b'));
  };
  CHECK(status_of(get(lines(kHeaderLines - 1))) == 200);  // with Host
  CHECK(status_of(get(lines(kHeaderLines))) == 431);
  CHECK(status_of(get("X: " + std::string(kHeaderLine - 3, 'y') + "\r\n")) == 200);
  CHECK(status_of(get("X: " + std::string(kHeaderLine - 2, 'y') + "\r\n")) == 431);
  CHECK(status_of("GET /" + std::string(kTarget - 1, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n") == 200);
  CHECK(status_of("GET /" + std::string(kTarget, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n") == 414);
  CHECK(status_of("GET /" + std::string(kHead, 'a')) == 431);
  CHECK(status_of(std::string(kHead + 3, 'a')) == 431);
  CHECK(status_of(sized(kBody)) == 200);
  CHECK(status_of(sized(kBody + 1)) == 413);
  const auto chunk = [](std::size_t n) {
    std::string size;
    for (auto left = n; left > 0; left /= 16)
      size.insert(0, 1, "0123456789abcdef"[left % 16]);
    return size + "\r\n" + std::string(n, 'b') + "\r\n";
  };
  CHECK(status_of(chunked(chunk(kBody) + "0\r\n\r\n")) == 200);
  CHECK(status_of(chunked(chunk(kBody) + "1\r\nb\r\n0\r\n\r\n")) == 413);
  CHECK(status_of(chunked("ffffffffffffffffffffff\r\n")) == 413);
  CHECK(status_of(chunked("5;" + std::string(kChunkLine, 'e'))) == 400);
  CHECK(status_of(chunked("0\r\n" + lines(kHeaderLines + 1))) == 431);
  CHECK(status_of(chunked("0\r\nX: " + std::string(kTrailers, 'y'))) == 431);
  std::string crumbs;
  for (std::size_t i = 0; i < kBody; ++i)
    crumbs += "1\r\nb\r\n";
  CHECK(status_of(chunked(crumbs)) == 413);
}

TEST_CASE("a bound is known before the body is") {
  CHECK(status_of(post("Content-Length: 65537\r\n", "")) == 413);
  CHECK(status_of(chunked("10001\r\n")) == 413);
  const auto report = [](const std::string& headers, const std::string& body) {
    return status_of("POST /tlsrpt?token=x HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n" + body);
  };
  CHECK(report("Content-Length: 16777216\r\n", "") == 0);  // waits for it
  CHECK(report("Content-Length: 16777217\r\n", "") == 413);
  CHECK(report("Transfer-Encoding: chunked\r\n", "1000000\r\n") == 0);
  CHECK(report("Transfer-Encoding: chunked\r\n", "1000001\r\n") == 413);
}

TEST_CASE("what is held of an endless request is bounded") {
  const std::string block(1U << 16, 'a');
  const std::string begins[] = {
      "", "GET /", "GET / HTTP/1.1\r\nX: ", chunked("5;"), chunked("10000\r\n"), chunked("0\r\nX:")};
  for (const auto& begin : begins) {
    CAPTURE(begin);
    RequestReader reader;
    reader.take(begin);
    for (int i = 0; i < 64 && reader.state() != State::refused; ++i) {
      reader.take(block);
      CHECK(reader.held() <= kHead + kBody + block.size());
    }
    CHECK(reader.state() == State::refused);
    CHECK(reader.held() == 0);
  }
}

}  // namespace stswatch::door
