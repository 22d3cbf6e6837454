#include "agent/remember/packed.h"

#include <zlib.h>
#include <algorithm>

namespace stswatch {

std::string pack(std::string_view text) {
  uLongf size = compressBound(text.size());
  std::string out(size, '\0');
  compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(text.data()),
            text.size(), Z_DEFAULT_COMPRESSION);
  out.resize(size);
  return out;
}

tl::expected<std::string, std::string> unpack(std::string_view packed, std::size_t most) {
  const auto* in = reinterpret_cast<const Bytef*>(packed.data());
  for (std::size_t guess = std::max<std::size_t>(packed.size() * 4, 4096);; guess *= 4) {
    std::string out(std::min(guess, most), '\0');
    uLongf size = out.size();
    const int end = uncompress(reinterpret_cast<Bytef*>(out.data()), &size, in, packed.size());
    if (end == Z_BUF_ERROR && out.size() < most) continue;
    if (end == Z_BUF_ERROR) return tl::make_unexpected("cut short, or larger than any look");
    if (end != Z_OK) return tl::make_unexpected("damaged");
    out.resize(size);
    return out;
  }
}

}  // namespace stswatch
