// What somebody configures to reach another: a mail address, a web address, and the secrets that go with
// them.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace stswatch {

// A mail address as somebody configured it, with or without a name before it.

struct Mailbox {
  std::string name;     // display name, may be empty
  std::string address;  // addr-spec
};

/// "a@example.com" or "Name <a@example.com>"; an error for anything that a header or an envelope cannot hold
/// safely, to follow the text: "is no mail address; ...".
tl::expected<Mailbox, std::string> parse_mailbox(std::string_view text);

// The address of something that is asked by http or https, as somebody configured it: whether any request to
// it can be made. Pure.

/// What is wrong with it and what would be right, to follow its name: "is no URL; it starts with ...". ""
/// when nothing is. Nothing of it is repeated: the whole of it may be a secret, or all of it a password.
std::string url_fault(std::string_view url);

/// As it is written there, without user, port and brackets; "" of what has none.
std::string_view host_of_url(std::string_view url);

// What is secret in a text that somebody else wrote: an answer, an error of a library. Whoever is sent a
// secret may repeat it in another spelling, percent-encoded or decoded (RFC 3986 section 2.1). Owned by
// whoever sends it, for the one exchange; not shared.

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
