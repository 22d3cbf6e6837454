#include <mutex>
#include <unordered_map>

#include "agent/remember/memory.h"

namespace stswatch {
namespace {

class RamMemory : public Memory {
 public:
  std::shared_ptr<const DomainMemory> domain(const Domain& name) const override {
    const std::lock_guard lock(mutex_);
    const auto it = domains_.find(name.str());
    return it == domains_.end() ? nullptr : it->second;
  }
  std::shared_ptr<const MxMemory> mx(const std::string& host) const override {
    const std::lock_guard lock(mutex_);
    const auto it = mx_.find(host);
    return it == mx_.end() ? nullptr : it->second;
  }
  void remember(std::shared_ptr<const DomainMemory> record, std::shared_ptr<const DomainObservation>,
                const std::vector<Transition>&) override {
    const std::lock_guard lock(mutex_);
    auto& slot = domains_[record->known->domain.str()];
    slot = std::move(record);
  }
  void remember(std::shared_ptr<const MxMemory> record, std::shared_ptr<const MxHostObservation>) override {
    const std::lock_guard lock(mutex_);
    auto& slot = mx_[record->known->host];
    slot = std::move(record);
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const DomainMemory>> domains_;
  std::unordered_map<std::string, std::shared_ptr<const MxMemory>> mx_;
};

}  // namespace

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

std::unique_ptr<Memory> make_ram_memory() { return std::make_unique<RamMemory>(); }

}  // namespace stswatch
