// What a policy host answers (RFC 9112): the first octet says into what pieces it is cut and how it ends.
// However it is cut it is one and the same answer, bounded, its fields printable; its body is read as a
// policy.
#include <cstdlib>

#include "checks/facts/policy.h"
#include "checks/facts/result.h"
#include "checks/observe/http_response.h"

namespace {

using namespace stswatch;

void must(bool so) {
  if (!so) std::abort();
}

struct Seen {
  HttpResponse answer;
  std::optional<Cause> failure;  // its words show what had come by then
};

Seen failed(const Failure& failure) {
  must(printable(failure.detail, failure.detail.size()) == failure.detail);
  return {{}, failure.cause};
}

Seen read(std::string_view octets, std::size_t step, HttpResponseReader::End how) {
  HttpResponseReader reader;
  while (!octets.empty()) {
    const auto piece = octets.substr(0, step);
    octets.remove_prefix(piece.size());
    const auto want = reader.feed(piece);
    if (!want) return failed(want.error());
    if (*want == HttpResponseReader::Want::nothing) return {std::move(reader.response()), {}};
  }
  if (const auto ended = reader.end(how); !ended) return failed(ended.error());
  return {std::move(reader.response()), {}};
}

void is_bounded(const HttpResponse& answer) {
  must(answer.body.size() <= bounds::kPolicyBody);
  for (const auto* field : {&answer.content_type, &answer.content_encoding, &answer.location,
                            &answer.cache_control, &answer.age, &answer.date})
    must(!*field || printable(**field, (*field)->size()) == **field);
  must(!answer.decoded || answer.content_encoding);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view octets(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto how =
      (data[0] & 0x80U) != 0 ? HttpResponseReader::End::orderly : HttpResponseReader::End::abrupt;
  const auto whole = read(octets, octets.size() + 1, how), cut = read(octets, 1U + data[0] % 32U, how);
  must(whole.failure == cut.failure);
  must(whole.answer.status == cut.answer.status && whole.answer.body == cut.answer.body);
  must(whole.answer.truncated == cut.answer.truncated &&
       whole.answer.end_unproven == cut.answer.end_unproven);
  must(whole.answer.location == cut.answer.location && whole.answer.decoded == cut.answer.decoded);
  is_bounded(whole.answer);
  (void)read_policy(whole.answer.body);
  return 0;
}
