#include "checks/observe/tls/verified_chains.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "checks/facts/bounds.h"

namespace stswatch {
namespace {

constexpr Seconds kEdge{1};  // whether a certificate counts at its very date is OpenSSL's to say

}  // namespace

void VerifiedChains::add_dates(const X509* certificate, std::set<TimePoint>& dates) {
  const auto begin = to_time(X509_get0_notBefore(certificate));
  dates.insert(begin);
  dates.insert(begin - bounds::kClockTolerance);  // RULES 4.2: a few minutes young is no fault
  dates.insert(to_time(X509_get0_notAfter(certificate)));
}

std::size_t VerifiedChains::Hash::operator()(const Fingerprint& digest) const {
  std::size_t out = 0;
  std::memcpy(&out, digest.data(), sizeof out);
  return out;
}

std::optional<VerifiedChain> VerifiedChains::recall(const Fingerprint& chain, TimePoint now) const {
  const std::lock_guard lock(mutex_);
  const auto it = known_.find(chain);
  if (it == known_.end() || now - kEdge <= it->second.after || now + kEdge >= it->second.before)
    return std::nullopt;
  ++recalled_;
  return it->second.verdict;
}

void VerifiedChains::note(const Fingerprint& chain, TimePoint now, const std::set<TimePoint>& dates,
                          VerifiedChain verdict) {
  Known known{TimePoint::min(), TimePoint::max(), std::move(verdict)};
  for (const auto* all : {&dates, &std::as_const(root_dates_)}) {
    const auto next = all->lower_bound(now - kEdge);
    if (next != all->end() && *next <= now + kEdge) return;  // at this very moment it changes
    if (next != all->end()) known.before = std::min(known.before, *next);
    if (next != all->begin()) known.after = std::max(known.after, *std::prev(next));
  }
  const std::lock_guard lock(mutex_);
  if (known_.insert_or_assign(chain, std::move(known)).second) order_.push_back(chain);
  while (order_.size() > kept_) {
    known_.erase(order_.front());
    order_.pop_front();
  }
}

std::size_t VerifiedChains::size() const {
  const std::lock_guard lock(mutex_);
  return known_.size();
}

std::size_t VerifiedChains::recalled() const {
  const std::lock_guard lock(mutex_);
  return recalled_;
}

}  // namespace stswatch
