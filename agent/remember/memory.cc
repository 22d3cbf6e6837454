#include "agent/remember/memory.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <unordered_map>

namespace stswatch {

std::string_view to_string(Part part) {
  switch (part) {
    case Part::sts_record:
      return "sts_record";
    case Part::policy:
      return "policy";
    case Part::mx:
      return "mx";
    case Part::tlsrpt_record:
      break;
  }
  return "tlsrpt_record";
}

namespace {

/// The newest list under each name, as long as somebody has it.
template <class T>
class ListPool {
 public:
  void share(SharedList<T>& list, const std::string& name) {
    const std::lock_guard lock(mutex_);
    auto& slot = lists_[std::hash<std::string>{}(name)];
    if (SharedList<T> held(slot.lock()); held == list)
      list = std::move(held);
    else
      slot = list.held();
    if (lists_.size() < most_) return;
    std::erase_if(lists_, [](const auto& entry) { return entry.second.expired(); });
    most_ = 2 * lists_.size() + 1024;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::size_t, std::weak_ptr<const std::vector<T>>> lists_;
  std::size_t most_ = 1024;
};

void share_chain(Shared<PeerCertificates>& peer) {
  static ListPool<Certificate> pool;
  if (!peer || peer->chain.empty()) return;
  auto chain = peer->chain;
  pool.share(chain, chain.front().sha256);
  if (chain.held() != peer->chain.held()) peer.change().chain = std::move(chain);
}

}  // namespace

void share_parts(DomainObservation& look) {
  for (auto& fetch : look.fetches)
    share_chain(fetch.tls.peer);
}

void share_parts(MxHostObservation& look) {
  for (auto& probe : look.probes)
    share_chain(probe.tls.peer);
}

void share_parts(Verdict& verdict) {
  static ListPool<MxAddressVerdict> pool;
  for (auto& mx : verdict.mx)
    if (!mx.addresses.empty()) pool.share(mx.addresses, mx.host);
}

void side_by_side(std::size_t count, const std::function<void(std::size_t)>& work) {
  constexpr std::size_t kAtOnce = 64, kThreads = 8;
  std::atomic<std::size_t> next{0};
  const auto turns = [&] {
    for (std::size_t begin = next.fetch_add(kAtOnce); begin < count; begin = next.fetch_add(kAtOnce))
      for (std::size_t n = begin; n < std::min(begin + kAtOnce, count); ++n)
        work(n);
  };
  const auto useful = std::min(count / kAtOnce, kThreads);
  std::vector<std::jthread> others;
  for (std::size_t n = 1; n < std::min<std::size_t>(std::thread::hardware_concurrency(), useful); ++n)
    others.emplace_back(turns);
  turns();
}

}  // namespace stswatch
