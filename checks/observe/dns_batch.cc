#include "checks/observe/dns_batch.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "checks/observe/dns_message.h"

namespace stswatch::dns {

Event::Event() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Event::~Event() {
  if (valid()) ::close(fd_);
}

void Event::set() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);  // a full counter is readable too
}

void Event::clear() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(fd_, &count, sizeof count);
}

Batch::Batch(const std::vector<DnsQuestion>& questions)
    : questions_(questions), slots_(questions.size()), open_(questions.size()) {}

void Batch::answer(std::size_t index, DnsAnswer answer) {
  const std::lock_guard lock(mutex_);
  slots_[index].answer = std::move(answer);
  if (--open_ == 0) done_.set();
}

void Batch::asking(std::size_t index, std::string_view server, const std::string& failures) {
  const std::lock_guard lock(mutex_);
  slots_[index].server = server;
  slots_[index].failures = failures;
}

std::vector<DnsAnswer> Batch::collect(const std::string& gave_up) {
  abandoned_ = true;
  std::vector<DnsAnswer> answers;
  answers.reserve(questions_.size());
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < questions_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.answer) {
      answers.push_back(std::move(*slot.answer));
      continue;
    }
    std::string detail = gave_up;
    detail += slot.server.empty() ? ", before it could be sent" : " from " + slot.server;
    if (!slot.failures.empty()) detail += "; " + slot.failures;
    answers.push_back(unknown_answer(questions_[i], std::move(detail)));
  }
  return answers;
}

}  // namespace stswatch::dns
