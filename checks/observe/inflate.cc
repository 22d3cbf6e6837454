#include "checks/observe/http_response.h"

#include <zlib.h>

#include "checks/facts/text.h"

namespace stswatch {
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
