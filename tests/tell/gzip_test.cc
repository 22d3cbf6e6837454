#include "agent/tell/metrics.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <string>

using namespace stswatch;

namespace {

std::string gunzipped(std::string packed) {
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
  std::string out(1U << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

}  // namespace

TEST_CASE("what was packed comes back") {
  for (const std::string& text : {std::string(), std::string("x"), std::string(500'000, 'y')}) {
    const auto packed = gzipped(text);
    CHECK(packed.starts_with("\x1f\x8b"));
    CHECK(gunzipped(packed) == text);
  }
  CHECK(gzipped(std::string(500'000, 'y')).size() < 10'000);
}

TEST_CASE("gzip is sent to those who take it") {
  struct Row {
    const char* why;
    const char* header;
    bool taken;
  };
  for (const Row& row : {
           Row{"Prometheus", "gzip", true},
           Row{"curl --compressed", "deflate, gzip, br, zstd", true},
           Row{"case does not count (RFC 9110 §8.4.1)", "GZIP;q=0.5", true},
           Row{"no header", "", false},
           Row{"another coding", "br, x-gzip-like", false},
           Row{"a weight of 0 refuses (§12.4.2)", "br, gzip;q=0", false},
           Row{"in any spelling", "gzip; q=0.000", false},
           Row{"a small weight does not", "gzip;q=0.001", true},
       }) {
    CAPTURE(row.why);
    CHECK(accepts_gzip(row.header) == row.taken);
  }
}
