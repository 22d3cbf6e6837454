#include "checks/observe/dns_plan.h"

#include <utility>

#include "checks/facts/bounds.h"

namespace stswatch::dns {

std::optional<Step> Plan::next(std::span<const std::size_t> order) {
  if (settled_) return std::nullopt;
  if (follow_up_) {
    last_ = *std::exchange(follow_up_, std::nullopt);
    return last_;
  }
  if (const auto server = unchecked_ || tries_left_ <= 0 ? std::nullopt : choose(order)) {
    --tries_left_;
    // RFC 6891 §6.2.2 knows middle boxes that drop EDNS: who was silent is asked again without it.
    last_ = {*server, false, {.edns = servers_[*server].silences == 0}};
    return last_;
  }
  settled_ = unchecked_ || !ask_unchecked_;
  if (settled_) return std::nullopt;
  unchecked_ = true;
  last_ = {*ask_unchecked_, false, {.edns = true, .checking_disabled = true}};
  return last_;
}

/// The first server not asked yet; else the least asked among those that were only silent.
std::optional<std::size_t> Plan::choose(std::span<const std::size_t> order) const {
  std::optional<std::size_t> best;
  for (const std::size_t server : order) {
    if (servers_[server].failed) continue;
    if (!best || servers_[server].silences < servers_[*best].silences) best = server;
  }
  return best;
}

std::optional<Step> Plan::follow_up(const Reading& reading) const {
  Step step = last_;
  if (reading.truncated && !last_.tcp) {
    step.tcp = true;
    return step;
  }
  if (reading.dislikes_edns && last_.form.edns) {
    step.form.edns = false;
    return step;
  }
  return std::nullopt;
}

void Plan::answered(Reading reading) {
  follow_up_ = follow_up(reading);
  if (follow_up_) return;
  if (unchecked_) {
    bogus_ = bogus_ || reading.definite;
    if (reading.definite) note("an answer only without validation (CD)");
    settled_ = true;
    return;
  }
  if (reading.definite) {
    answer_ = std::move(reading.answer);
    settled_ = true;
    return;
  }
  const AnswerFacts& facts = facts_of(reading.answer);
  bogus_ = bogus_ || facts.bogus;
  if (reading.unexplained && !ask_unchecked_) ask_unchecked_ = last_.server;
  failed(facts.detail);
}

void Plan::silent(const std::string& why) {
  if (unchecked_) return;
  ++servers_[last_.server].silences;
  note(why);
}

void Plan::failed(const std::string& why) {
  if (unchecked_) return;
  servers_[last_.server].failed = true;
  note(why);
}

void Plan::note(const std::string& why) {
  if (failures_.find(why) != std::string::npos) return;
  failures_ += (failures_.empty() ? "" : "; ") + why;
}

DnsAnswer Plan::result(const DnsQuestion& question) {
  if (answer_) return std::move(*answer_);
  DnsAnswer unknown = unknown_answer(question, failures_);
  facts_of(unknown).bogus = bogus_;
  return unknown;
}

}  // namespace stswatch::dns
