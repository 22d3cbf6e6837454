// What a client sends: the first octet says into what pieces the rest is cut. However it is cut it is one and
// the same sequence of requests, and what is held of it stays within its bounds.
#include <cstdint>
#include <cstdlib>

#include "agent/tell/door/bounds.h"
#include "agent/tell/door/request_reader.h"
#include "agent/tell/door/web_gate.h"

namespace {

using namespace stswatch::door;
using State = RequestReader::State;

void must(bool so) {
  if (!so) std::abort();
}

struct Seen {
  std::string text;  // of all requests that were complete, and the refusal that ended them
  State last = State::empty;
};

void take_down(RequestReader& reader, Seen& seen) {
  auto& head = reader.head();
  must(head.headers.size() <= kHeaderLines);
  must(head.target.starts_with('/') && head.target.size() <= kTarget + 1);
  must(reader.body().size() <= body_bound(head.path()));
  must(!foreign(head, {}) || head.method == "POST");
  seen.text += head.method + ' ' + head.target + ' ' + head.host + '\n';
  for (const auto& [name, value] : head.headers)
    seen.text += name + ": " + value + '\n';
  std::string body(reader.body().size(), '\0');
  for (std::size_t at = 0; at < body.size();)
    at += reader.body().read(body.data() + at, body.size() - at);
  seen.text += body + '\n';
}

Seen read(std::string_view octets, std::size_t step) {
  Seen seen;
  RequestReader reader;
  while (!octets.empty()) {
    auto piece = octets.substr(0, step);
    octets.remove_prefix(piece.size());
    while (!piece.empty()) {
      const auto n = reader.take(piece);
      must(n > 0 && n <= piece.size());
      piece.remove_prefix(n);
      if (reader.state() == State::refused) {
        must(reader.held() == 0);
        must(reader.refusal().status >= 400);
        seen.text += std::to_string(reader.refusal().status);
        seen.last = State::refused;
        return seen;
      }
      if (reader.state() != State::complete) continue;
      take_down(reader, seen);
      reader = {};
    }
  }
  seen.last = reader.state();
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view octets(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = read(octets, octets.size() + 1), cut = read(octets, 1U + data[0] % 32U);
  must(whole.text == cut.text && whole.last == cut.last);
  return 0;
}
