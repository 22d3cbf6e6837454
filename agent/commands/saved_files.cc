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

// What is to be published.

namespace {

/// Each line of the text behind these marks.
std::string commented(const std::string& text, std::string_view marks) {
  std::istringstream in(text);
  std::string out;
  for (std::string line; std::getline(in, line);)
    out += std::string(marks) + (line.empty() ? "" : " ") + line + "\n";
  return out;
}

std::string notes_of(const Publication& p, std::string_view marks) {
  std::string out;
  for (const auto& note : p.notes)
    out += commented(note, marks);
  return out;
}

/// RFC 8461 §8.1: the file first. It is not for a zone to hold.
std::string file_as_comment(const Publication& p, std::string_view marks) {
  return commented("First serve this, as text/plain, at every address of " + p.policy_url + ":", marks) +
         commented(p.policy, marks) + commented("Then publish:", marks);
}

/// RFC 1035 §5.1: quotes and backslashes are escaped; none of these texts holds more than 255 octets.
std::string quoted(const std::string& text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\') out += '\\';
    out += c;
  }
  return out + quote;
}

std::string zone(const Publication& p) {
  return notes_of(p, ";") + file_as_comment(p, ";") + "_mta-sts." + p.domain + ". 3600 IN TXT " +
         quoted(p.sts_record, '"') + "\n_smtp._tls." + p.domain + ". 3600 IN TXT " +
         quoted(p.tlsrpt_record, '"') + "\n";
}

std::string dnscontrol(const Publication& p) {
  return notes_of(p, "//") + file_as_comment(p, "//") + "// inside D(\"" + p.domain +
         "\", ...)\nTXT(\"_mta-sts\", " + quoted(p.sts_record, '"') + ", TTL(3600)),\nTXT(\"_smtp._tls\", " +
         quoted(p.tlsrpt_record, '"') + ", TTL(3600)),\n";
}

std::string records_as_comment(const Publication& p) {
  return commented("When every address of mta-sts." + p.domain + " serves it, publish these records:", "#") +
         commented("_mta-sts." + p.domain + ". TXT \"" + p.sts_record + "\"", "#") +
         commented("_smtp._tls." + p.domain + ". TXT \"" + p.tlsrpt_record + "\"", "#");
}

std::string nginx(const Publication& p) {
  const std::string host = "mta-sts." + p.domain;
  std::string body;
  for (const char c : p.policy)
    body += c == '\n' ? std::string("\\n") : std::string(1, c);
  return notes_of(p, "#") + records_as_comment(p) +
         "server {\n"
         "    listen 443 ssl;\n"
         "    listen [::]:443 ssl;\n"
         "    server_name " +
         host +
         ";\n"
         "    ssl_certificate     /etc/letsencrypt/live/" +
         host +
         "/fullchain.pem;  # where yours is\n"
         "    ssl_certificate_key /etc/letsencrypt/live/" +
         host +
         "/privkey.pem;\n"
         "    location = /.well-known/mta-sts.txt {\n"
         "        default_type text/plain;\n"
         "        charset utf-8;\n"
         "        return 200 \"" +
         body +
         "\";\n"
         "    }\n"
         "    location / {\n"
         "        return 404;\n"
         "    }\n"
         "}\n";
}

/// Caddy gets the certificate by itself. A text between backquotes may hold line ends.
std::string caddy(const Publication& p) {
  return notes_of(p, "#") + records_as_comment(p) + "mta-sts." + p.domain +
         " {\n"
         "\thandle /.well-known/mta-sts.txt {\n"
         "\t\theader Content-Type \"text/plain; charset=utf-8\"\n"
         "\t\trespond `" +
         p.policy +
         "` 200\n"
         "\t}\n"
         "\thandle {\n"
         "\t\trespond 404\n"
         "\t}\n"
         "}\n";
}

}  // namespace

std::string to_paste(const Publication& publication, std::string_view format) {
  if (format == "nginx") return nginx(publication);
  if (format == "caddy") return caddy(publication);
  if (format == "dnscontrol") return dnscontrol(publication);
  return zone(publication);
}

}  // namespace stswatch
