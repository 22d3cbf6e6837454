// check: look once, now, at each domain, and judge; answers stream out in the order asked.
#include <algorithm>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <unordered_map>

#include "agent/clock.h"
#include "agent/commands.h"
#include "agent/mx_desk.h"
#include "agent/outlook.h"
#include "agent/tell/json.h"
#include "agent/tell/nagios.h"
#include "agent/tell/text.h"
#include "checks/facts/bounds.h"
#include "config/load.h"

namespace stswatch {
namespace {

struct Asked {
  std::vector<std::size_t> order;  // one entry per name asked for: its place in `names`
  std::vector<Domain> names;       // distinct
};

class Names {
 public:
  void add(const Domain& domain) {
    const auto [it, fresh] = index_.emplace(domain.str(), asked_.names.size());
    if (fresh) asked_.names.push_back(domain);
    asked_.order.push_back(it->second);
  }
  Asked take() { return std::move(asked_); }

 private:
  Asked asked_;
  std::unordered_map<std::string, std::size_t> index_;
};

tl::expected<Asked, std::string> asked_names(const CheckCommand& command, const Config& config) {
  Names names;
  for (const auto& typed : command.domains) {
    const auto domain = Domain::parse(typed);
    if (!domain) return tl::make_unexpected(domain.error());
    names.add(*domain);
  }
  if (!command.domains_file.empty()) {
    const auto listed = read_domains_file(command.domains_file);
    if (!listed) return tl::make_unexpected(listed.error().front().str());
    if (listed->empty())
      return tl::make_unexpected(command.domains_file + " names no domain: write one a line");
    for (const auto& domain : *listed)
      names.add(domain);
  }
  const bool named = !command.domains.empty() || !command.domains_file.empty();
  if (!named)
    for (const auto& domain : config.domains)
      names.add(domain.name);
  auto asked = names.take();
  if (asked.order.empty())
    return tl::make_unexpected(
        std::string("no domain to check: name one, or give --domains-file or --config"));
  return asked;
}

/// Judges domains on a few threads; verdicts are handed out in order, and looks never run far ahead of the
/// reader.
class CheckRun {
 public:
  CheckRun(Outlook& outlook, const Config& config, const std::vector<Domain>& names, std::size_t jobs)
      : outlook_(outlook),
        config_(config),
        names_(names),
        timeout_(config.network.look_timeout),
        window_(jobs * 4),
        mx_(*outlook.observer, *outlook.vantage, clock_, timeout_, cancel_,
            std::min<std::size_t>(jobs * 4, 256)) {
    for (const auto& d : config.domains)
      limits_.emplace(d.name.str(), d.limits);
    jobs = std::min(jobs, names.size());
    for (std::size_t i = 0; i < jobs; ++i)
      threads_.emplace_back([this] { work(); });
  }

  ~CheckRun() {
    cancel_.cancel();
    const std::lock_guard lock(mutex_);
    next_ = names_.size();
    changed_.notify_all();
  }

  /// Blocks until the verdict of names[index] is there; ask in ascending order.
  std::shared_ptr<const Verdict> verdict(std::size_t index) {
    std::unique_lock lock(mutex_);
    reading_ = index;
    changed_.notify_all();
    changed_.wait(lock, [&] { return done_.contains(index); });
    auto out = done_.at(index);
    done_.erase(index);
    return out;
  }

 private:
  void work() {
    for (;;) {
      std::size_t index = 0;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return next_ >= names_.size() || next_ < reading_ + window_; });
        if (next_ >= names_.size()) return;
        index = next_++;
      }
      auto verdict = std::make_shared<const Verdict>(look_and_judge(names_[index]));
      const std::lock_guard lock(mutex_);
      done_.emplace(index, std::move(verdict));
      changed_.notify_all();
    }
  }

  Verdict look_and_judge(const Domain& domain) {
    const auto deadline = Deadline::in(timeout_, &cancel_);
    auto facts = outlook_.observer->look_at_names(domain, clock_.now(), deadline);

    std::map<std::string, MxDesk::Look> pending;
    for (const auto& mx : facts.mx.records)
      if (!mx.host.empty() && pending.size() < bounds::kMxHosts)
        pending.emplace(mx.host, mx_.look_at(mx.host));
    if (facts.mx.records.empty() && facts.apex.lookup() == Lookup::found)
      pending.emplace(domain.str(), mx_.look_at(domain.str()));  // RFC 5321 §5.1: the implicit MX

    facts.fetches = outlook_.observer->fetch_policies(domain, facts.policy_host, clock_.now(), deadline);
    outlook_.vantage->saw(domain.policy_host(), facts.fetches, facts.at);

    MxLooks looks;
    for (const auto& [host, look] : pending)
      if (look.wait_for(deadline.left()) == std::future_status::ready) looks.emplace(host, look.get());
    const auto limits = limits_.find(domain.str());
    return judge(facts, looks, outlook_.vantage->now(domain.policy_host(), facts.at),
                 limits == limits_.end() ? config_.expiry : limits->second);
  }

  Outlook& outlook_;
  const Config& config_;
  const std::vector<Domain>& names_;
  const Millis timeout_;
  const std::size_t window_;
  SystemClock clock_;
  Cancel cancel_;
  MxDesk mx_;
  std::unordered_map<std::string, Limits> limits_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t next_ = 0;  // guarded by mutex_, as are the next two
  std::size_t reading_ = 0;
  std::map<std::size_t, std::shared_ptr<const Verdict>> done_;
  std::vector<std::jthread> threads_;
};

int exit_code(Status status) {
  switch (status) {
    case Status::ok:
      return 0;
    case Status::warning:
      return 1;
    case Status::critical:
      return 2;
    case Status::unknown:
      break;
  }
  return 3;
}

/// Prints verdicts as they come, in the format asked for.
class Printer {
 public:
  Printer(const CheckCommand& command, std::ostream& out) : command_(command), out_(out) {
    if (command_.format == Format::json) out_ << "[";
  }

  void print(const Verdict& verdict) {
    switch (command_.format) {
      case Format::json:
        out_ << (first_ ? "\n" : ",\n") << to_json(verdict).dump();
        break;
      case Format::text:
        out_ << to_text(verdict, {command_.colour, command_.explain, command_.width}) << std::flush;
        break;
      case Format::nagios:
        nagios_.add(verdict);
        break;
    }
    first_ = false;
  }

  void finish() {
    if (command_.format == Format::json) out_ << "\n]\n";
    if (command_.format == Format::nagios) out_ << nagios_.text();
    out_.flush();
  }

 private:
  const CheckCommand& command_;
  std::ostream& out_;
  NagiosReport nagios_;
  bool first_ = true;
};

int report(CheckRun& run, const Asked& asked, const CheckCommand& command, Streams io) {
  std::vector<std::size_t> left(asked.names.size(), 0);  // how often each verdict is still to be told
  for (const auto index : asked.order)
    ++left[index];
  std::unordered_map<std::size_t, std::shared_ptr<const Verdict>> kept;
  Status all = Status::ok;
  Printer printer(command, io.out);
  const bool progress = command.progress && asked.order.size() > 20;
  std::size_t told = 0;
  for (const auto index : asked.order) {
    auto& verdict = kept[index];
    if (!verdict) verdict = run.verdict(index);
    all = worse(all, verdict->status);
    printer.print(*verdict);
    if (--left[index] == 0) kept.erase(index);
    if (++told; progress && told % 10 == 0)
      io.err << "\r" << told << " of " << asked.order.size() << std::flush;
  }
  if (progress) io.err << "\r\x1b[K";
  printer.finish();
  return exit_code(all);
}

}  // namespace

int complain(Streams io, const std::string& what, int code) {
  io.err << "stswatch: " << what << "\n";
  return code;
}

int check(const CheckCommand& command, Streams io) {
  const auto config = effective_config(command.flags);
  if (!config) return complain(io, config.error().what, config.error().exit_code);
  const auto asked = asked_names(command, *config);
  if (!asked) return complain(io, asked.error(), kExitUsage);
  auto outlook = make_outlook(*config);
  if (!outlook) return complain(io, outlook.error(), kExitConfig);
  CheckRun run(*outlook, *config, asked->names, command.jobs);
  return report(run, *asked, command, io);
}

int config_check(const std::string& file, Streams io) {
  const auto config = load_config(file);
  if (!config) {
    for (const auto& e : config.error())
      io.err << e.str() << "\n";
    return 1;
  }
  io.out << file << ": valid: " << config->domains.size()
         << (config->domains.size() == 1 ? " domain" : " domains") << ", listening on "
         << config->agent.listen.host << ":" << config->agent.listen.port << ", state in "
         << config->agent.state << "\n";
  return 0;
}

}  // namespace stswatch
