#include "agent/tell/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "checks/facts/text.h"

namespace stswatch {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib: the largest window, with a gzip header
constexpr int kMemory = 8;

/// RFC 9110 §12.4.2: a weight of 0, in any of its spellings, means "not acceptable".
bool refused(std::string_view parameters) {
  const auto q = text::trim(parameters.substr(std::min(parameters.find('=') + 1, parameters.size())));
  return text::istarts_with(text::trim(parameters), "q=") && !q.empty() &&
         q.find_first_not_of("0.") == q.npos;
}

}  // namespace

std::string gzipped(std::string_view text) {
  if (text.size() > std::numeric_limits<uInt>::max()) return {};
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, kMemory, Z_DEFAULT_STRATEGY) != Z_OK)
    return {};
  std::string out(deflateBound(&stream, text.size()), '\0');
  // zlib does not write through next_in, but takes it as a pointer to something it may.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(done ? stream.total_out : 0);
  deflateEnd(&stream);
  return out;
}

bool accepts_gzip(std::string_view header) {
  while (!header.empty()) {
    const auto end = std::min(header.find(','), header.size());
    const auto item = header.substr(0, end);
    const auto name_end = std::min(item.find(';'), item.size());
    if (text::iequals(text::trim(item.substr(0, name_end)), "gzip"))
      return !refused(item.substr(std::min(name_end + 1, item.size())));
    header.remove_prefix(std::min(end + 1, header.size()));
  }
  return false;
}

}  // namespace stswatch
