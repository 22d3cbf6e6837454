#include "checks/reports/read.h"

#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>
#include <array>
#include <memory>

#include "checks/facts/result.h"

namespace stswatch::reports {
namespace {

constexpr std::size_t kPiece = 64U << 10U;

std::string too_large(std::size_t most) { return "unpacks to more than " + std::to_string(most) + " octets"; }

struct Inflating {
  Inflating() : ready(inflateInit2(&z, 15 + 16) == Z_OK) {}  // the largest window, gzip's header
  Inflating(const Inflating&) = delete;
  Inflating& operator=(const Inflating&) = delete;
  ~Inflating() {
    if (ready) inflateEnd(&z);
  }
  z_stream z{};
  bool ready;
};

struct EndArchive {
  void operator()(archive* a) const { archive_read_free(a); }
};
using Archive = std::unique_ptr<archive, EndArchive>;

std::string complaint(archive* a) {
  const char* words = archive_error_string(a);
  return "no readable zip file: " + printable(words == nullptr ? "damaged" : words);
}

tl::expected<std::string, std::string> member_data(archive* a, std::size_t most) {
  std::string out;
  std::array<char, kPiece> piece{};
  for (;;) {
    const auto n = archive_read_data(a, piece.data(), piece.size());
    if (n < 0) return tl::make_unexpected(complaint(a));
    if (n == 0) return out;
    if (out.size() + static_cast<std::size_t>(n) > most) return tl::make_unexpected(too_large(most));
    out.append(piece.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace

bool is_gzip(std::string_view octets) { return octets.starts_with("\x1f\x8b"); }
bool is_zip(std::string_view octets) { return octets.starts_with("PK\x03\x04"); }

tl::expected<std::string, std::string> gunzipped(std::string_view octets, std::size_t most) {
  Inflating stream;
  if (!stream.ready) return tl::make_unexpected(std::string("zlib cannot be set up"));
  auto& z = stream.z;
  z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(octets.data()));  // zlib only reads it
  z.avail_in = static_cast<uInt>(octets.size());
  std::string out;
  std::array<char, kPiece> piece{};
  for (;;) {
    z.next_out = reinterpret_cast<Bytef*>(piece.data());
    z.avail_out = static_cast<uInt>(piece.size());
    const int code = inflate(&z, Z_NO_FLUSH);
    const std::size_t got = piece.size() - z.avail_out;
    if (out.size() + got > most) return tl::make_unexpected(too_large(most));
    out.append(piece.data(), got);
    if (code == Z_STREAM_END) {
      // Padding behind the last member is nobody's data.
      if (!is_gzip(octets.substr(octets.size() - z.avail_in))) return out;
      if (inflateReset(&z) != Z_OK) return tl::make_unexpected(std::string("zlib cannot go on"));
      continue;
    }
    if (code == Z_OK && (got > 0 || z.avail_in > 0)) continue;
    return tl::make_unexpected("damaged or truncated gzip: " +
                               printable(z.msg == nullptr ? "it ends too early" : z.msg));
  }
}

tl::expected<std::vector<ZipMember>, std::string> unzipped(std::string_view octets, std::size_t most) {
  const Archive a(archive_read_new());
  if (!a) return tl::make_unexpected(std::string("libarchive cannot be set up"));
  archive_read_support_format_zip(a.get());  // this format and no filter: nothing else is expected
  if (archive_read_open_memory(a.get(), octets.data(), octets.size()) != ARCHIVE_OK)
    return tl::make_unexpected(complaint(a.get()));
  std::vector<ZipMember> out;
  for (std::size_t entries = 0; entries <= kZipMembers; ++entries) {
    archive_entry* entry = nullptr;
    const int code = archive_read_next_header(a.get(), &entry);
    if (code == ARCHIVE_EOF) {
      if (out.empty()) return tl::make_unexpected(std::string("a zip file without a file in it"));
      return out;
    }
    if (code != ARCHIVE_OK) return tl::make_unexpected(complaint(a.get()));
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    const char* name = archive_entry_pathname(entry);
    auto octets_of_it = member_data(a.get(), most);
    if (!octets_of_it) return tl::make_unexpected(octets_of_it.error());
    most -= octets_of_it->size();
    out.push_back({name == nullptr ? "" : name, std::move(*octets_of_it)});
  }
  return tl::make_unexpected("a zip file of more than " + std::to_string(kZipMembers) + " files and folders");
}

}  // namespace stswatch::reports
