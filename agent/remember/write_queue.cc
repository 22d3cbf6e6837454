#include "agent/remember/write_queue.h"

namespace stswatch {
namespace {

using namespace std::chrono_literals;

constexpr auto kGather = 1s;           // what a crash may cost of what is not urgent
constexpr std::size_t kEnough = 1000;  // subjects that are worth a transaction by themselves

}  // namespace

void WriteQueue::note(Steady now, bool urgent) {
  if (!since_) since_ = now;
  urgent_ = urgent_ || urgent;
}

void WriteQueue::add(News news, Steady now) {
  note(now, news.urgent);
  const auto subject = news.subject;
  const auto it = news_.find(subject);
  if (it == news_.end())
    news_.emplace(subject, std::move(news));
  else
    it->second = merge(std::move(it->second), std::move(news));
}

void WriteQueue::add(std::vector<JournalEdit> edits, Steady now) {
  note(now, true);
  for (auto& edit : edits)
    edits_[{std::move(edit.table), std::move(edit.key)}] = std::move(edit.text);
}

void WriteQueue::drop(std::int64_t subject, Steady now) {
  note(now, false);
  news_.erase(subject);
  dropped_.insert(subject);
}

std::optional<WriteQueue::Steady> WriteQueue::due() const {
  if (!since_) return std::nullopt;
  return urgent_ || news_.size() >= kEnough ? *since_ : *since_ + kGather;
}

Batch WriteQueue::take() {
  Batch out;
  out.urgent = urgent_;
  out.dropped.assign(dropped_.begin(), dropped_.end());
  for (auto& [_, news] : news_)
    out.news.push_back(std::move(news));
  for (auto& [name, text] : edits_)
    out.edits.push_back({name.first, name.second, std::move(text)});
  *this = {};
  return out;
}

void WriteQueue::put_back(Batch batch, Steady now) {
  note(now, batch.urgent);
  dropped_.insert(batch.dropped.begin(), batch.dropped.end());
  for (auto& news : batch.news) {
    const auto subject = news.subject;
    if (dropped_.contains(subject)) continue;
    const auto it = news_.find(subject);
    if (it == news_.end())
      news_.emplace(subject, std::move(news));
    else
      it->second = merge(std::move(news), std::move(it->second));
  }
  for (auto& edit : batch.edits)
    edits_.emplace(std::pair{std::move(edit.table), std::move(edit.key)}, std::move(edit.text));
}

}  // namespace stswatch
