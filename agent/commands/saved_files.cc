#include "agent/commands/saved_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <istream>
#include <sstream>
#include <system_error>

namespace stswatch {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() { close(); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  bool close() {
    const int fd = std::exchange(fd_, -1);
    return fd < 0 || ::close(fd) == 0;
  }
  bool write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t n = ::write(fd_, text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

 private:
  int fd_;
};

/// A name may be as long as a file's name: there is no room for an ending then.
std::string file_name(const Domain& domain) {
  constexpr std::size_t kLongest = 255;
  const std::string whole = domain.str() + ".json";
  return whole.size() <= kLongest ? whole : domain.str();
}

tl::unexpected<std::string> failed(const std::string& file, int error) {
  return tl::make_unexpected(file + ": cannot be written: " + reason(error));
}

}  // namespace

tl::expected<std::string, std::string> read_text(const std::string& path, std::istream& in) {
  std::ostringstream text;
  if (path == "-") {
    text << in.rdbuf();
    return text.str();
  }
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path))  // which opens, and reads as empty
    return tl::make_unexpected(path + " cannot be read: name a readable file, or - for standard input");
  text << file.rdbuf();
  return text.str();
}

tl::expected<void, std::string> make_folder(const std::string& folder, std::string_view of_what) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error && !std::filesystem::is_directory(folder, error))
    error = std::make_error_code(std::errc::not_a_directory);
  if (!error && ::access(folder.c_str(), W_OK | X_OK) != 0) error = {errno, std::generic_category()};
  if (error)
    return tl::make_unexpected(folder + " cannot be a folder of " + std::string(of_what) + " (" +
                               error.message() + "): name one that you may write to");
  return {};
}

tl::expected<void, std::string> save_look(const std::string& folder, const SavedLook& look) {
  const std::string file = folder + "/" + file_name(look.domain.domain);
  const std::string text = to_text(look);
  if (text.size() > kSavedText) return tl::make_unexpected(file + ": the look is too large to be saved");
  std::string temporary = folder + "/.stswatch-XXXXXX";
  File out(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!out.is_open()) return failed(file, errno);
  const bool written =
      ::fchmod(out.fd(), 0644) == 0 && out.write(text) && ::fdatasync(out.fd()) == 0 && out.close();
  if (written && std::rename(temporary.c_str(), file.c_str()) == 0) return {};
  const int error = errno;
  ::unlink(temporary.c_str());
  return failed(file, error);
}

tl::expected<SavedLook, std::string> load_look(const std::string& file) {
  const File in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in.is_open()) return tl::make_unexpected(file + ": cannot be read: " + reason(errno));
  std::string text;
  std::array<char, 65536> block;
  for (;;) {
    const ssize_t n = ::read(in.fd(), block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return tl::make_unexpected(file + ": cannot be read: " + reason(errno));
    if (n == 0 || text.size() > kSavedText) break;
    text.append(block.data(), static_cast<std::size_t>(n));
  }
  auto look = read_saved_look(text);
  if (!look) return tl::make_unexpected(file + ": " + look.error());
  return look;
}

}  // namespace stswatch
