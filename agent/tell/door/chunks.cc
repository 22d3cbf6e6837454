#include "agent/tell/door/request_reader.h"

#include <algorithm>
#include <charconv>

#include "agent/tell/door/bounds.h"

namespace stswatch::door {

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

}  // namespace stswatch::door
