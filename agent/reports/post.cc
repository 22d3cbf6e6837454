#include "agent/reports/post.h"

#include <algorithm>
#include <array>
#include <fstream>

#include "checks/facts/text.h"

namespace stswatch::reports {
namespace {

/// RFC 8460 §6.4, §6.5, and what senders write who mean the same.
bool known_type(std::string_view told) {
  const auto type = text::trim(told.substr(0, told.find(';')));
  constexpr std::array<std::string_view, 6> kTypes{"application/tlsrpt+gzip", "application/tlsrpt+json",
                                                   "application/gzip",        "application/x-gzip",
                                                   "application/json",        "application/zip"};
  return std::ranges::any_of(kTypes, [&](auto each) { return text::iequals(type, each); });
}

/// The first line of the file; nullopt where it cannot be read, or holds none.
std::optional<std::string> secret_in(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  if (!in || !std::getline(in, line)) return std::nullopt;
  while (!line.empty() && (line.back() == '\r' || text::is_wsp(line.back())))
    line.pop_back();
  return line.empty() ? std::nullopt : std::optional(line);
}

/// RFC 8460 §5.4, §5.5: a success for what is here, also if it was here before; 5xx where the sender should
/// try again, 4xx where that would help nobody.
Answer answer_of(const Outcome& outcome) {
  switch (outcome.fate) {
    case Fate::stored:
      return {201, "stored", outcome.fate};
    case Fate::duplicate:
      return {200, "known already", outcome.fate};
    case Fate::foreign:
      return {422, "this report is about no domain that is watched here", outcome.fate};
    case Fate::outdated:
      return {422, "this report is about days too long ago, or to come", outcome.fate};
    default:
      return {400, "no TLS report can be read: " + outcome.why, outcome.fate};
  }
}

}  // namespace

bool same_secret(std::string_view a, std::string_view b) {
  unsigned differs = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i)
    differs |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
  return differs == 0;
}

std::optional<std::string> PostBox::trouble() const {
  const auto options = intake_.options();
  if (!options.http || options.token_file.empty() || secret_in(options.token_file)) return std::nullopt;
  return "tlsrpt.token_file " + options.token_file + " cannot be read, or is empty: nobody is let in";
}

bool PostBox::too_many() {
  const std::lock_guard lock(mutex_);
  const auto now = now_();
  if (counted_)
    left_ = std::min(kAtOnce, left_ + kPerSecond * std::chrono::duration<double>(now - *counted_).count());
  counted_ = now;
  if (left_ < 1) return true;
  left_ -= 1;
  return false;
}

std::optional<Answer> PostBox::refused(const Post& post, const TlsrptIntake& options) {
  if (!options.http) return Answer{404, "no reports are taken here: see tlsrpt.http"};
  if (!options.token_file.empty()) {
    const auto secret = secret_in(options.token_file);
    if (!secret) return Answer{503, "the token cannot be compared: see the log of the service"};
    if (!same_secret(*secret, post.token)) return Answer{401, "the token is missing or wrong"};
  }
  if (!known_type(post.media_type))
    return Answer{415, "expected application/tlsrpt+gzip or application/tlsrpt+json (RFC 8460 section 5.4)"};
  if (too_many()) return Answer{429, "too many reports at once: try again later"};
  return std::nullopt;
}

bool PostBox::take_turn() {
  std::unique_lock lock(mutex_);
  const bool mine = turn_.wait_for(lock, patience_, [&] { return ending_ || reading_ < kRead; }) && !ending_;
  if (mine) ++reading_;
  return mine;
}

void PostBox::give_turn() {
  const std::lock_guard lock(mutex_);
  --reading_;
  turn_.notify_one();
}

void PostBox::end() {
  const std::lock_guard lock(mutex_);
  ending_ = true;
  turn_.notify_all();
}

Answer PostBox::take(Post post) {
  const auto options = intake_.options();
  if (auto no = refused(post, options)) return std::move(*no);
  if (!take_turn()) return {503, "too many reports are being read: post it again later"};
  struct Turn {
    PostBox& box;
    ~Turn() { box.give_turn(); }
  } const turn{*this};
  // Its type said JSON or a packed one: a mail is none of them.
  std::vector<Handed> handed(1);
  handed[0] = {.octets = std::move(post.body), .source = post.address, .media_type = post.media_type};
  const auto outcomes = intake_.take(handed);
  if (!outcomes) return {503, "it cannot be stored now: try again later"};
  // Of several the first that was stored speaks: the sender need not send it again.
  const auto& first = outcomes->front();
  const auto stored = std::ranges::find(first.further, Fate::stored, &Outcome::fate);
  return answer_of(first.fate != Fate::stored && stored != first.further.end() ? *stored : first);
}

}  // namespace stswatch::reports
