#include "checks/observe/http_response.h"

#include <zlib.h>

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cstdint>
#include <limits>
#include <utility>

#include "checks/facts/bounds.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using boost::beast::string_view;

constexpr std::size_t kFieldKept = 1000;  // of one field's value; Location is the longest we print
// Chunk sizes, extensions and trailers: a body of 64 KiB in chunks of eight octets still passes.
constexpr std::size_t kFraming = bounds::kPolicyBody;
// "0" CRLF CRLF: what a chunked message still owes before its end, at the least.
constexpr std::size_t kLastChunk = 5;

std::string kept(string_view value) { return printable({value.data(), value.size()}, kFieldKept); }

/// Derived from Beast's parser rather than used through response_parser: its string_body reserves whatever
/// Content-Length announces, and its fields keep every header of a stranger.
class Parser final : public http::basic_parser<false> {
 public:
  Parser(HttpResponse& out, std::size_t most) : out_(out), most_(most) {
    eager(true);
    header_limit(2 * bounds::kHttpHeader + 2);  // the reader holds the real bound; mended line ends need more
    body_limit(std::numeric_limits<std::uint64_t>::max());  // likewise: Beast would refuse what we cut
  }

  bool foreign_coding() const { return foreign_coding_; }

 private:
  void on_request_impl(http::verb, string_view, string_view, int, error_code&) override {}

  void on_response_impl(int code, string_view, int, error_code&) override { out_.status = code; }

  void on_field_impl(http::field name, string_view, string_view value, error_code&) override {
    if (header_done_) return;  // RFC 9110 §6.5.1: a trailer must not change what the header said
    switch (name) {
      case http::field::content_type:
        return keep(out_.content_type, value);
      case http::field::content_encoding:
        if (!value.empty() && !boost::beast::iequals(value, "identity")) keep(out_.content_encoding, value);
        return;
      case http::field::location:
        return keep(out_.location, value);
      case http::field::cache_control:
        return keep(out_.cache_control, value);
      case http::field::age:
        return keep(out_.age, value);
      case http::field::date:
        return keep(out_.date, value);
      case http::field::transfer_encoding:
        if (!boost::beast::iequals(value, "chunked") && !boost::beast::iequals(value, "identity"))
          foreign_coding_ = true;
        return;
      default:
        return;
    }
  }

  static void keep(std::optional<std::string>& slot, string_view value) {
    if (!slot) slot = kept(value);
  }

  void on_header_impl(error_code&) override { header_done_ = true; }

  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}

  std::size_t on_body_impl(string_view body, error_code&) override {
    const std::size_t room = most_ - out_.body.size();
    out_.body.append(body.data(), std::min(room, body.size()));
    if (body.size() > room) out_.too_large = true;
    return body.size();
  }

  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}

  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code& ec) override {
    return on_body_impl(body, ec);
  }

  void on_finish_impl(error_code&) override {}

  HttpResponse& out_;
  const std::size_t most_;
  bool header_done_ = false;
  bool foreign_coding_ = false;
};

Failure not_http(std::string_view why) {
  return {Stage::headers, Cause::malformed, printable(why, bounds::kDetail)};
}

/// The line of the field `name` with what is folded under it: where it begins, and how long it is.
struct FieldLine {
  std::size_t at = std::string::npos, size = 0;
};

FieldLine find_field(std::string_view header, std::string_view name) {
  for (std::size_t at = header.find('\n'); at != header.npos; at = header.find('\n', at)) {
    ++at;
    const auto line = header.substr(at);
    if (!text::istarts_with(line, name) || !line.substr(name.size()).starts_with(':')) continue;
    std::size_t end = line.find('\n');
    while (end != line.npos && end + 1 < line.size() && text::is_wsp(line[end + 1]))
      end = line.find('\n', end + 1);
    return {at, end == line.npos ? line.size() : end + 1};
  }
  return {};
}

/// RFC 9112 §6.3: "If a message is received with both a Transfer-Encoding and a Content-Length header field,
/// the Transfer-Encoding overrides the Content-Length." Beast refuses the message, and so do some senders:
/// whether a length had to be dropped is a fact of its own.
bool drop_overridden_length(std::string& header) {
  const FieldLine coding = find_field(header, "Transfer-Encoding");
  if (coding.at == std::string::npos) return false;
  if (text::lower(header.substr(coding.at, coding.size)).find("chunked") == std::string::npos) return false;
  bool dropped = false;
  for (FieldLine length = find_field(header, "Content-Length"); length.at != std::string::npos;
       length = find_field(header, "Content-Length")) {
    header.erase(length.at, length.size);
    dropped = true;
  }
  return dropped;
}

/// Every line ends in CRLF, and the status code is followed by its space. RFC 9112 §2.2 lets a recipient take
/// a bare LF, and the space before an empty reason (§4) is missing in the wild: senders read both, Beast
/// neither.
std::string mended(std::string_view header) {
  std::string out;
  out.reserve(header.size() + 64);
  for (char c : header) {
    if (c == '\n') {
      if (!out.empty() && out.back() == '\r') out.pop_back();
      if (out.size() == std::string_view("HTTP/1.1 200").size()) out += ' ';
      out += '\r';
    }
    out += c;
  }
  return out;
}

}  // namespace

struct HttpResponseReader::Impl {
  explicit Impl(std::size_t octets) : most(octets) {}

  const std::size_t most;
  HttpResponse out;
  std::unique_ptr<Parser> parser = std::make_unique<Parser>(out, most);
  std::string pending;          // not yet understood
  std::size_t scanned = 0;      // of `pending`: no end of the header before here
  std::size_t header_size = 0;  // of the interim responses before this one
  std::size_t body_wire = 0;    // octets of the body as sent
  std::size_t least = 1;        // the parser wants to see so many pending octets at once
  bool in_body = false;
  bool over = false;

  std::size_t header_end();
  Result<bool> read_header();
  Want read_body();
  Result<void> start_body();
  void decode();

  tl::unexpected<Failure> fail(Failure failure) {
    over = true;
    pending.clear();
    return tl::unexpected(std::move(failure));
  }

  Want finish() {
    over = true;
    pending.clear();
    decode();
    return Want::nothing;
  }
};

/// The size of the header in `pending` with its empty line, 0 while that has not come.
std::size_t HttpResponseReader::Impl::header_end() {
  for (std::size_t lf = pending.find('\n', scanned); lf != std::string::npos;
       lf = pending.find('\n', lf + 1)) {
    const std::size_t next = lf + 1;
    if (next < pending.size() && pending[next] == '\n') return next + 1;
    if (next + 1 < pending.size() && pending[next] == '\r' && pending[next + 1] == '\n') return next + 2;
    scanned = lf;  // what follows this line end may still be in flight
  }
  return 0;
}

/// True once the header of the final response was read; false while more octets are needed.
Result<bool> HttpResponseReader::Impl::read_header() {
  for (;;) {
    constexpr std::string_view kName = "HTTP/";
    const std::size_t shown = std::min(pending.size(), kName.size());
    if (std::string_view(pending).substr(0, shown) != kName.substr(0, shown))
      return fail(not_http("not HTTP: \"" + printable(pending, 60) + "\""));
    const std::size_t size = header_end();
    if (header_size + (size != 0 ? size : pending.size()) > bounds::kHttpHeader)
      return fail({Stage::headers, Cause::over_budget,
                   "the header is longer than " + std::to_string(bounds::kHttpHeader) + " octets"});
    if (size == 0) return false;

    std::string header = mended(std::string_view(pending).substr(0, size));
    const bool dropped = drop_overridden_length(header);
    pending.erase(0, size);
    scanned = 0;
    header_size += size;
    error_code ec;
    parser->put(boost::asio::buffer(header), ec);
    if (ec || !parser->is_header_done()) return fail(not_http("not HTTP: " + ec.message()));
    out.length_and_chunked = dropped;
    // RFC 9110 §15.2: interim responses are skipped. 101 answers an Upgrade that we never sent: final for us.
    if (out.status / 100 != 1 || out.status == 101) return true;
    out = HttpResponse{};
    parser = std::make_unique<Parser>(out, most);
  }
}

Result<void> HttpResponseReader::Impl::start_body() {
  // RFC 9112 §6.1: a transfer coding that we did not ask for (TE) is not ours to undo.
  if (parser->foreign_coding()) return fail(not_http("a transfer coding that was not asked for"));
  in_body = true;
  out.has_body = out.status / 100 != 1 && out.status != 204 && out.status != 304;
  return {};
}

/// RFC 9110 §8.4: what a coding holds is the text that was meant. Only a whole body is undone.
void HttpResponseReader::Impl::decode() {
  if (!out.content_encoding || out.truncated || out.too_large) return;
  auto plain = inflated(*out.content_encoding, out.body, most);
  if (!plain) return;
  out.body = std::move(plain->text);
  out.too_large = plain->more;
  out.decoded = true;
}

HttpResponseReader::Want HttpResponseReader::Impl::read_body() {
  while (!parser->is_done() && pending.size() >= least) {
    error_code ec;
    const std::size_t used = parser->put(boost::asio::buffer(pending), ec);
    body_wire += used;
    pending.erase(0, used);
    if (out.too_large) return finish();
    if (ec && ec != http::error::need_more) {
      out.truncated = true;
      return finish();
    }
    // A last chunk seen in part and shown again with fewer than five octets trips an assertion of Beast 1.74.
    least = ec ? std::max(kLastChunk, pending.size() + 1) : 1;
  }
  if (parser->is_done()) return finish();
  // What stays pending is one chunk's line or the trailers: held like a header.
  if (pending.size() > bounds::kHttpHeader || body_wire - out.body.size() > kFraming) {
    out.truncated = true;
    return finish();
  }
  return Want::more;
}

HttpResponseReader::HttpResponseReader(std::size_t most) : impl_(std::make_unique<Impl>(most)) {}
HttpResponseReader::HttpResponseReader(HttpResponseReader&&) noexcept = default;
HttpResponseReader& HttpResponseReader::operator=(HttpResponseReader&&) noexcept = default;
HttpResponseReader::~HttpResponseReader() = default;

Result<HttpResponseReader::Want> HttpResponseReader::feed(std::string_view octets) {
  if (impl_->over) return Want::nothing;
  impl_->pending.append(octets);
  if (!impl_->in_body) {
    auto complete = impl_->read_header();
    if (!complete) return tl::unexpected(complete.error());
    if (!*complete) return Want::more;
    if (auto started = impl_->start_body(); !started) return tl::unexpected(started.error());
  }
  return impl_->read_body();
}

Result<void> HttpResponseReader::end(End how) {
  if (impl_->over) return {};
  if (!impl_->in_body) {
    const bool silent = impl_->pending.empty() && impl_->header_size == 0;
    return impl_->fail({Stage::headers, Cause::closed,
                        silent ? "closed without an answer" : "closed within the header of the answer"});
  }
  // RFC 9112 §9.8: a body that only the close delimits is complete when close_notify authenticates the close;
  // without it a client may, and most do not, call it incomplete.
  if (!impl_->parser->need_eof()) {
    impl_->out.truncated = true;
  } else if (how == End::abrupt) {
    impl_->out.end_unproven = true;
  }
  impl_->finish();
  return {};
}

Stage HttpResponseReader::stage() const { return impl_->in_body ? Stage::body : Stage::headers; }
const HttpResponse& HttpResponseReader::response() const { return impl_->out; }
HttpResponse& HttpResponseReader::response() { return impl_->out; }

namespace {

// RFC 9110 §8.4.1.2, §8.4.1.3: "gzip" ("x-gzip" is the same) has gzip's header, "deflate" zlib's.
std::optional<int> window_bits(std::string_view coding) {
  constexpr int kLargest = 15, kGzip = 16;
  if (text::iequals(coding, "gzip") || text::iequals(coding, "x-gzip")) return kLargest + kGzip;
  if (text::iequals(coding, "deflate")) return kLargest;
  return std::nullopt;
}

struct Stream {
  explicit Stream(int bits) : ready(inflateInit2(&z, bits) == Z_OK) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    if (ready) inflateEnd(&z);
  }
  z_stream z{};
  bool ready;
};

}  // namespace

std::optional<Inflated> inflated(std::string_view coding, std::string_view octets, std::size_t most) {
  const auto bits = window_bits(coding);
  if (!bits) return std::nullopt;
  Stream stream(*bits);
  if (!stream.ready) return std::nullopt;
  Inflated out;
  out.text.resize(most + 1);  // the one octet beyond tells that there was more
  auto& z = stream.z;
  z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(octets.data()));  // zlib only reads it
  z.avail_in = static_cast<uInt>(octets.size());
  z.next_out = reinterpret_cast<Bytef*>(out.text.data());
  z.avail_out = static_cast<uInt>(out.text.size());
  const int end = inflate(&z, Z_FINISH);
  const std::size_t size = out.text.size() - z.avail_out;
  out.more = size > most;
  if (end != Z_STREAM_END && !out.more) return std::nullopt;
  out.text.resize(out.more ? most : size);
  return out;
}

}  // namespace stswatch
