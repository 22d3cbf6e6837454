// What is secret in a text that somebody else wrote: an answer, an error of a library. Whoever is sent a
// secret may repeat it in another spelling, percent-encoded or decoded (RFC 3986 section 2.1). Owned by
// whoever sends it, for the one exchange; not shared.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stswatch {

class Secrets {
 public:
  static constexpr std::size_t kTelling = 4;  // octets that tell a secret from any other word

  /// As it is written, however short, and in every other spelling of it that has `kTelling` octets: what is
  /// shorter stands in any text, and would leave none of it.
  void add(std::string_view written);

  /// What a URL holds of them: the password, or the user where there is none; values of the query; segments
  /// of the path that are long enough for a token.
  void add_url(std::string_view url);

  /// Of a URL that nobody is to know: all of it, and its host, which libraries repeat by itself.
  void add_secret_url(std::string_view url);

  /// "***" instead of each, and of the beginning of one that the end of the text cuts. Of a text only the
  /// first KiB: whoever tells it cuts it shorter.
  std::string hide(std::string_view text) const;

 private:
  struct Secret {
    std::string octets;
    bool spelled;  // any octet may stand as %XX
  };
  std::size_t found(std::string_view text) const;

  std::vector<Secret> secrets_;
};

/// %XX undone, "+" left alone.
std::string percent_decoded(std::string_view text);

}  // namespace stswatch
