// The head of a request.
#include "agent/tell/door/request_reader.h"

#include <algorithm>
#include <charconv>

#include "agent/tell/door/bounds.h"

namespace stswatch::door {
namespace {

tl::unexpected<Refusal> refuse(int status, std::string why) {
  return tl::make_unexpected(Refusal{status, std::move(why)});
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }

/// RFC 9110 §5.6.2
constexpr bool token_char(char c) {
  return letter(c) || digit(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool token(std::string_view s) { return !s.empty() && std::ranges::all_of(s, token_char); }

std::string_view trimmed(std::string_view s) {
  const auto begin = s.find_first_not_of(" \t");
  if (begin == s.npos) return {};
  return s.substr(begin, s.find_last_not_of(" \t") - begin + 1);
}

/// RFC 3986 §3.2.2 and a port; what a name on the web can hold. Strict, since rights depend on it.
bool authority(std::string_view s) {
  return std::ranges::all_of(s, [](char c) {
    return letter(c) || digit(c) || std::string_view("-._~[]:%").find(c) != std::string_view::npos;
  });
}

template <class Take>
void each_word(std::string_view list, Take take) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    take(trimmed(list.substr(0, comma)));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
}

std::optional<Refusal> read_method(std::string_view method) {
  for (const auto* known : {"GET", "HEAD", "POST"})
    if (method == known) return std::nullopt;
  for (const auto* known : {"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"})
    if (method == known) return Refusal{405, "nothing here takes this method: use GET, HEAD or POST"};
  return Refusal{501, "this method is not known here"};
}

/// RFC 9112 §3: method SP target SP version, with one space each.
std::optional<Refusal> read_request_line(std::string_view line, RequestHead& head, bool& http10) {
  const auto first = line.find(' '), last = line.rfind(' ');
  if (first == line.npos || first == last) return Refusal{400, "this is no request line"};
  const auto method = line.substr(0, first), version = line.substr(last + 1);
  auto target = line.substr(first + 1, last - first - 1);
  if (!token(method)) return Refusal{400, "this is no request line"};
  if (version.size() != 8 || !version.starts_with("HTTP/") || !digit(version[5]) || version[6] != '.' ||
      !digit(version[7]))
    return Refusal{400, "this is no version of HTTP"};
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return Refusal{505, "HTTP/1.1 is spoken here"};
  http10 = version == "HTTP/1.0";
  if (auto wrong = read_method(method)) return wrong;
  if (target.size() > kTarget) return Refusal{414, "this path is too long"};
  if (target.empty() || !std::ranges::all_of(target, [](char c) { return c > ' ' && c < 0x7f; }))
    return Refusal{400, "this path holds what a path cannot"};
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!same_word(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    const auto end = std::min(target.find_first_of("/?"), target.size());
    head.host = target.substr(0, end);
    if (head.host.empty()) return Refusal{400, "this target names no host"};
    target.remove_prefix(end);
  }
  head.target = target.starts_with('/') ? target : "/" + std::string(target);
  if (head.host.empty() && !target.starts_with('/')) return Refusal{400, "a path begins with /"};
  head.method = method;
  return std::nullopt;
}

/// RFC 9112 §6.3, without its leniency: one length, or chunks, or no body.
std::optional<Refusal> read_framing(RequestHead& head, bool http10, std::size_t lengths,
                                    std::size_t codings) {
  if (lengths > 1) return Refusal{400, "two lengths"};
  if (codings > 1 || (codings > 0 && lengths > 0) || (codings > 0 && http10))
    return Refusal{400, "a length and a transfer coding, or two"};
  if (codings > 0) {
    if (!same_word(head.value("transfer-encoding"), "chunked"))
      return Refusal{501, "of transfer codings only chunked is read"};
    head.chunked = true;
  }
  if (lengths > 0) {
    const auto text = head.value("content-length");
    const bool number = !text.empty() && std::ranges::all_of(text, digit);
    if (!number) return Refusal{400, "the length is no number"};
    const auto end = text.data() + text.size();
    if (std::from_chars(text.data(), end, head.length).ec != std::errc())
      return Refusal{413, "this body is too long"};
    if (head.length > body_bound(head.path())) return Refusal{413, "this body is too long"};
  }
  return std::nullopt;
}

std::optional<Refusal> read_host(RequestHead& head, bool http10, std::size_t hosts) {
  if (hosts > 1 || (hosts == 0 && !http10)) return Refusal{400, "one Host header is wanted"};
  if (!authority(head.value("host")) || !authority(head.host)) return Refusal{400, "Host names no host"};
  if (head.host.empty()) head.host = head.value("host");
  return std::nullopt;
}

std::optional<Refusal> read_meaning(RequestHead& head, bool http10) {
  std::size_t lengths = 0, codings = 0, hosts = 0;
  head.keep = !http10;
  for (const auto& [name, value] : head.headers) {
    lengths += same_word(name, "content-length");
    codings += same_word(name, "transfer-encoding");
    hosts += same_word(name, "host");
    if (same_word(name, "connection"))
      each_word(value, [&](std::string_view word) { head.keep &= !same_word(word, "close"); });
    if (same_word(name, "content-encoding") && !value.empty() && !same_word(value, "identity"))
      return Refusal{415, "send the body as it is, without a content encoding"};
    if (same_word(name, "content-type") && same_word(value.substr(0, 10), "multipart/"))
      return Refusal{415, "send form fields as application/x-www-form-urlencoded"};
    if (same_word(name, "expect")) {
      if (!same_word(value, "100-continue")) return Refusal{417, "this expectation is not known here"};
      head.wants_continue = !http10;
    }
  }
  if (auto wrong = read_framing(head, http10, lengths, codings)) return wrong;
  return read_host(head, http10, hosts);
}

}  // namespace

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view RequestHead::value(std::string_view name) const {
  const auto found = std::ranges::find_if(headers, [&](const Header& h) { return same_word(h.name, name); });
  return found == headers.end() ? std::string_view() : std::string_view(found->value);
}

tl::expected<Header, Refusal> parse_header(std::string_view line) {
  if (line.size() > kHeaderLine) return refuse(431, "a header line is too long");
  // RFC 9112 §5.2: a folded line is refused; §5.1: so is a space before the colon.
  const auto colon = line.find(':');
  if (colon == line.npos || !token(line.substr(0, colon))) return refuse(400, "this is no header line");
  const auto value = trimmed(line.substr(colon + 1));
  const auto control = [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f; };
  if (std::ranges::any_of(value, control)) return refuse(400, "a header holds a control character");
  return Header{std::string(line.substr(0, colon)), std::string(value)};
}

tl::expected<RequestHead, Refusal> parse_head(std::string_view text) {
  RequestHead head;
  bool http10 = false;
  const auto next_line = [&] {
    const auto end = text.find("\r\n");
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(line.size() + 2, text.size()));
    return line;
  };
  if (auto wrong = read_request_line(next_line(), head, http10))
    return tl::make_unexpected(std::move(*wrong));
  while (!text.empty()) {
    if (head.headers.size() == kHeaderLines) return refuse(431, "these are too many header lines");
    auto header = parse_header(next_line());
    if (!header) return tl::make_unexpected(std::move(header.error()));
    head.headers.push_back(std::move(*header));
  }
  if (auto wrong = read_meaning(head, http10)) return tl::make_unexpected(std::move(*wrong));
  return head;
}

// A body in chunks.

tl::expected<std::size_t, Refusal> Chunks::take(std::string_view octets, const Take& data) {
  std::size_t taken = 0;
  while (taken < octets.size() && part_ != Part::end) {
    const auto rest = octets.substr(taken);
    if (part_ == Part::data) {
      const auto n = std::min(left_, rest.size());
      data(rest.substr(0, n));
      left_ -= n;
      taken += n;
      if (left_ == 0) part_ = Part::data_end;
      continue;
    }
    const auto n = take_line(rest);
    if (!n) return n;
    taken += *n;
  }
  return taken;
}

/// Everything but data comes in lines; the end of a chunk's data is an empty one.
tl::expected<std::size_t, Refusal> Chunks::take_line(std::string_view octets) {
  const auto end = octets.find('\n');
  const auto piece = octets.substr(0, end == octets.npos ? end : end + 1);
  const auto room = part_ == Part::data_end ? 2 : part_ == Part::size ? kChunkLine : kTrailers;
  if (line_.size() + piece.size() > room)
    return tl::make_unexpected(part_ == Part::trailers ? Refusal{431, "these trailers are too long"}
                                                       : Refusal{400, "this is no chunk"});
  line_ += piece;
  beside_ += piece.size();
  // One octet a chunk is a legal way to send a body, and a good way to be a nuisance.
  if (beside_ > kHead + data_) return tl::make_unexpected(Refusal{413, "these chunks are too small"});
  if (end == octets.npos) return piece.size();
  if (!line_.ends_with("\r\n") || line_.find('\r') != line_.size() - 2)
    return tl::make_unexpected(Refusal{400, "a line of the body does not end with CRLF"});
  line_.resize(line_.size() - 2);
  if (auto wrong = read_line()) return tl::make_unexpected(std::move(*wrong));
  line_.clear();
  return piece.size();
}

std::optional<Refusal> Chunks::read_line() {
  switch (part_) {
    case Part::size:
      return read_size();
    case Part::data_end:
      if (!line_.empty()) return Refusal{400, "a chunk is longer than it says"};
      part_ = Part::size;
      return std::nullopt;
    case Part::trailers:
      if (line_.empty()) {
        part_ = Part::end;
        return std::nullopt;
      }
      if (++trailers_ > kHeaderLines) return Refusal{431, "these are too many trailers"};
      if (const auto header = parse_header(line_); !header) return header.error();
      return std::nullopt;
    case Part::data:
    case Part::end:
      break;
  }
  return std::nullopt;
}

std::optional<Refusal> Chunks::read_size() {
  const auto digits = line_.find_first_not_of("0123456789abcdefABCDEF");
  const auto size = std::string_view(line_).substr(0, digits);
  const auto extension = std::string_view(line_).substr(size.size());
  // RFC 9112 §7.1: 1*HEXDIG, then perhaps extensions; a sign, "0x" or a space is another reader's size.
  const auto first = extension.find_first_not_of(" \t");
  const bool well_formed =
      !size.empty() && (extension.empty() || (first != extension.npos && extension[first] == ';'));
  if (!well_formed || std::ranges::any_of(extension, [](char c) { return c >= 0 && c < ' ' && c != '\t'; }))
    return Refusal{400, "this is no size of a chunk"};
  std::size_t n = 0;
  if (std::from_chars(size.data(), size.data() + size.size(), n, 16).ec != std::errc() || n > most_ - data_)
    return Refusal{413, "this body is too long"};
  data_ += n;
  left_ = n;
  part_ = n > 0 ? Part::data : Part::trailers;
  return std::nullopt;
}

// The whole of it, as it comes in.

namespace {

constexpr std::size_t kPiece = 64U << 10;

}  // namespace

void Body::add(std::string_view octets) {
  size_ += octets.size();
  while (!octets.empty()) {
    if (pieces_.empty() || pieces_.back().size() >= kPiece) pieces_.emplace_back();
    const auto n = std::min(octets.size(), kPiece - pieces_.back().size());
    pieces_.back().append(octets.substr(0, n));
    octets.remove_prefix(n);
  }
}

std::size_t Body::read(char* into, std::size_t room) {
  if (pieces_.empty()) return 0;
  auto& piece = pieces_.front();
  const auto n = std::min(room, piece.size() - at_);
  std::copy_n(piece.data() + at_, n, into);
  at_ += n;
  size_ -= n;
  if (at_ == piece.size()) {
    pieces_.pop_front();
    at_ = 0;
  }
  return n;
}

std::size_t RequestReader::take(std::string_view octets) {
  std::size_t taken = 0;
  while (taken < octets.size() && state_ != State::complete && state_ != State::refused) {
    const auto rest = octets.substr(taken);
    taken += state_ == State::body ? take_body(rest) : take_head(rest);
  }
  return taken;
}

/// Line by line, so that the first bad end of a line is the last octet that is read.
std::size_t RequestReader::take_head(std::string_view octets) {
  state_ = State::head;
  const auto end = octets.find('\n');
  const auto piece = octets.substr(0, end == octets.npos ? end : end + 1);
  if (text_.size() + piece.size() > kHead + 2) {
    refuse({431, "this head is too long"});
    return piece.size();
  }
  text_ += piece;
  if (end == octets.npos) return piece.size();
  const auto before = text_.size() > 1 ? text_.rfind('\n', text_.size() - 2) : text_.npos;
  const auto begin = before == text_.npos ? 0 : before + 1;
  const auto line = std::string_view(text_).substr(begin);
  // RFC 9112 §2.2 lets a reader take a bare LF for an end; others do not, and there the disagreement begins.
  if (line.size() < 2 || line.find('\r') != line.size() - 2) {
    refuse({400, "a line of the head does not end with CRLF"});
  } else if (line.size() == 2 && begin == 0) {
    text_.clear();  // §2.2: an empty line before the request is no part of it
    state_ = ++skipped_ > 2 ? State::refused : State::empty;
    if (state_ == State::refused) refuse({400, "these are empty lines"});
  } else if (line.size() == 2) {
    text_.resize(text_.size() - 2);
    begin_body();
  } else if (++lines_ > kHeaderLines + 1) {
    refuse({431, "these are too many header lines"});
  }
  return piece.size();
}

void RequestReader::begin_body() {
  auto head = parse_head(text_);
  head_octets_ = text_.size();
  text_ = {};
  if (!head) return refuse(std::move(head.error()));
  head_ = std::move(*head);
  if (head_->chunked) chunks_.emplace(body_bound(head_->path()));
  state_ = head_->chunked || head_->length > 0 ? State::body : State::complete;
}

std::size_t RequestReader::take_body(std::string_view octets) {
  if (!chunks_) {
    const auto n = std::min(octets.size(), head_->length - body_.size());
    body_.add(octets.substr(0, n));
    if (body_.size() == head_->length) state_ = State::complete;
    return n;
  }
  auto taken = chunks_->take(octets, [&](std::string_view data) { body_.add(data); });
  if (!taken) {
    refuse(std::move(taken.error()));
    return octets.size();
  }
  if (chunks_->complete()) state_ = State::complete;
  return *taken;
}

void RequestReader::refuse(Refusal refusal) {
  refusal_ = std::move(refusal);
  state_ = State::refused;
  text_ = {};
  head_octets_ = 0;
  head_.reset();
  chunks_.reset();
  body_ = {};
}

}  // namespace stswatch::door
