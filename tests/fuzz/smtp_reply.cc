// What a mail server says (RFC 5321 §4.2): the first octet says into what pieces it is cut. However it is cut
// it is one and the same sequence of replies, each bounded and printable.
#include <cstdlib>

#include "checks/facts/result.h"
#include "checks/observe/smtp.h"

namespace {

using namespace stswatch;

std::string replies(std::string_view octets, std::size_t step) {
  std::string out;
  SmtpReplyReader reader;
  while (!octets.empty()) {
    const auto piece = octets.substr(0, step);
    octets.remove_prefix(piece.size());
    reader.feed(piece);
    for (;;) {
      const auto next = reader.next(Stage::ehlo);
      if (!next) return out + "refused";
      if (!*next) break;
      const auto text = (*next)->str();
      if (printable(text, text.size()) != text || (*next)->lines.size() > bounds::kSmtpReplyLines)
        std::abort();
      (void)refusal(Stage::ehlo, **next);
      (void)(*next)->offers("STARTTLS");
      out += text + '\n';
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view octets(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (replies(octets, octets.size() + 1) != replies(octets, 1U + data[0] % 32U)) std::abort();
  return 0;
}
