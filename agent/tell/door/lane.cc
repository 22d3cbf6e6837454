#include "agent/tell/door/listener.h"

namespace stswatch::door {

bool Lane::submit(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (tasks_.size() >= most_waiting_ || ending_) return false;
  tasks_.push_back(std::move(task));
  if (tasks_.size() > idle_ && threads_.size() < most_threads_) threads_.emplace_back([this] { work(); });
  more_.notify_one();
  return true;
}

std::size_t Lane::waiting() {
  const std::lock_guard lock(mutex_);
  return tasks_.size();
}

void Lane::end() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    tasks_.clear();
    threads.swap(threads_);
  }
  more_.notify_all();
  for (auto& thread : threads)
    thread.join();
}

void Lane::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    more_.wait(lock, [&] { return ending_ || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) return;
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

}  // namespace stswatch::door
