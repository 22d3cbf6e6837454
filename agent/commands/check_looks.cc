#include "agent/commands/check_looks.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>

#include "agent/remember/past.h"
#include "agent/remember/store.h"
#include "agent/tell/html.h"
#include "agent/tell/json.h"
#include "agent/watch/clock.h"
#include "agent/watch/live_config.h"
#include "agent/watch/means.h"
#include "agent/watch/mx_probe_pool.h"
#include "checks/judge/case.h"
#include "checks/judge/senders/forecast.h"
#include "config/load.h"

namespace stswatch {

namespace {

std::size_t threads_within_limits(std::size_t wanted) {
  return workers_within(descriptor_limit() / 2, wanted);
}

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

}  // namespace

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

LimitsByName::LimitsByName(const Config& config) : others_(config.expiry) {
  for (const auto& d : config.domains)
    by_name_.emplace(d.name.str(), d.limits);
}

const Limits& LimitsByName::of(const Domain& domain) const {
  const auto it = by_name_.find(domain.str());
  return it == by_name_.end() ? others_ : it->second;
}

CheckLooks::CheckLooks(Probes& probes, const Config& config, const std::vector<Domain>& names,
                       std::size_t jobs, Seen seen, std::shared_ptr<const Memory> memory)
    : probes_(probes),
      names_(names),
      timeout_(config.network.look_timeout),
      window_(jobs * 4),
      seen_(std::move(seen)),
      memory_(std::move(memory)),
      mx_(probes, clock_, timeout_, cancel_, threads_within_limits(std::min<std::size_t>(jobs * 4, 256)),
          config.schedule.second_probe > Seconds{0} ? Depth::thorough : Depth::usual),
      limits_(config) {
  for (std::size_t i = 0; i < std::min(threads_within_limits(jobs), names.size()); ++i)
    threads_.emplace_back([this] { work(); });
}

CheckLooks::~CheckLooks() {
  cancel_.cancel();
  const std::lock_guard lock(mutex_);
  next_ = names_.size();
  changed_.notify_all();
}

Verdict CheckLooks::verdict(std::size_t index) {
  std::unique_lock lock(mutex_);
  reading_ = index;
  changed_.notify_all();
  changed_.wait(lock, [&] { return done_.contains(index); });
  return std::move(done_.extract(index).mapped());
}

void CheckLooks::work() {
  for (;;) {
    std::size_t index = 0;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return next_ >= names_.size() || next_ < reading_ + window_; });
      if (next_ >= names_.size()) return;
      index = next_++;
    }
    auto verdict = look_and_judge(names_[index]);
    const std::lock_guard lock(mutex_);
    done_.emplace(index, std::move(verdict));
    changed_.notify_all();
  }
}

Verdict CheckLooks::look_and_judge(const Domain& domain) {
  auto look = look_once(probes_, mx_, domain, clock_.now(), Deadline::in(timeout_, &cancel_));
  const auto& limits = limits_.of(domain);
  add_memory(look, limits);
  if (seen_) seen_(look);
  return judge(look, limits);
}

/// The look at face value, before the background of what senders may still hold.
void CheckLooks::add_memory(SavedLook& look, const Limits& limits) const {
  const auto record = memory_ ? memory_->domain(look.domain.domain) : nullptr;
  if (!record) return;
  look.past = remember_look(record->past, look.domain, look.mx, look.vantage, limits, look.domain, true);
  for (const auto& [host, seen] : look.mx)
    if (const auto known = memory_->mx(host))
      look.mx_pasts.emplace(host,
                            std::make_shared<HostPast>(note_tlsa(remember_look(*known->past, *seen), *seen)));
}

// What is printed of them.

namespace {

/// One line, the last: what could not be seen from here, whichever domains it concerns.
std::string blind_in_words(const std::map<std::string, std::string>& blind) {
  std::string out;
  for (const auto& [code, detail] : blind) {
    const auto* entry = find_in_catalogue(code);
    out += (out.empty() ? "not seen from here: " : "; ") + std::string(entry->title) + " (" + code +
           (detail.empty() ? "" : ": " + detail) + ")";
  }
  return out.empty() ? out : out + "\n";
}

}  // namespace

CheckReport::CheckReport(const CheckCommand& command, std::ostream& out) : command_(command), out_(out) {
  if (command_.format == Format::json) out_ << "[";
}

std::string CheckReport::tell(const Verdict& verdict, std::size_t times) {
  worst_ = worse(worst_, verdict.status);
  for (const auto& f : verdict.findings)
    if (nature_of(f).aspect == Aspect::own) blind_.emplace(f.code, f.detail);
  std::string told;
  switch (command_.format) {
    case Format::json:
      told = to_json(verdict).dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
      break;
    case Format::text:
      told = to_text(verdict, {command_.colour, command_.explain, command_.width});
      break;
    case Format::nagios:  // one report at the end: order means nothing in it
      for (std::size_t i = 0; i < times; ++i)
        nagios_.add(verdict);
      break;
  }
  tell_again(told);
  return told;
}

void CheckReport::tell_again(const std::string& told) {
  if (command_.format == Format::json) out_ << (first_ ? "\n" : ",\n");
  out_ << told << std::flush;
  first_ = false;
}

void CheckReport::finish() {
  if (command_.format == Format::json) out_ << "\n]\n";
  if (command_.format == Format::nagios) out_ << nagios_.text();
  if (command_.format == Format::text) out_ << blind_in_words(blind_);
  out_.flush();
}

bool CheckReport::heard() const { return out_.good(); }

int CheckReport::exit_code() const {
  if (!heard()) return kExitOutput;
  return stswatch::exit_code(worst_);
}

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

// A look with what is remembered.

namespace {

std::vector<std::string> hosts_of(const DomainObservation& facts) {
  std::vector<std::string> out;
  for (const auto& mx : facts.mx.records)
    if (!mx.host.empty()) out.push_back(mx.host);
  if (facts.mx.records.empty()) out.push_back(facts.domain.str());  // RFC 5321 §5.1: the implicit MX
  return out;
}

void add_host(const Memory& memory, const std::string& host, Remembered& to) {
  const auto m = memory.mx(host);
  if (!m) return;
  to.around.known.emplace(host, m->known);
  to.around.confirmed.emplace(host, m->confirmed);
  to.around.pasts.emplace(host, m->past);
  to.debounces.emplace(host, m->debounces);
}

}  // namespace

Limits limits_for(const Config& config, const Domain& domain) {
  const auto it = std::ranges::find(config.domains, domain, &DomainConfig::name);
  Limits out = it == config.domains.end() ? config.expiry : it->limits;
  out.confirmations = config.schedule.confirmations;
  out.grain = config.schedule.grain(config.network.look_timeout);
  return out;
}

World Remembered::world(const std::vector<std::string>& mx) const {
  DomainObservation facts = *record->confirmed;
  facts.at = now;
  if (!mx.empty()) {
    facts.mx.lookup = Lookup::found;
    facts.mx.records.clear();
    for (const auto& host : mx)
      facts.mx.records.push_back({static_cast<std::uint16_t>(10 * (facts.mx.records.size() + 1)), host});
  }
  const History history{&record->past, around.pasts};
  return world_of(make_case(facts, around.confirmed, around.vantage, around.limits, history));
}

std::vector<std::string> Remembered::unseen() const {
  const DomainObservation& facts = *record->confirmed;
  const History history{&record->past, around.pasts};
  const Case c = make_case(facts, around.confirmed, around.vantage, around.limits, history);
  std::vector<std::string> out;
  if (facts.sts.lookup == Lookup::unknown) out.push_back("the record at " + facts.domain.sts_record_name());
  if (facts.mx.lookup == Lookup::unknown) out.push_back("the MX records of " + facts.domain.str());
  const auto unknown = [](const PolicyCopy& copy) { return copy.outcome == Outcome::unknown; };
  const bool host_unknown = c.copies.empty() && facts.policy_host.lookup() == Lookup::unknown;
  const bool file_unknown = !c.copies.empty() && std::ranges::all_of(c.copies, unknown);
  if (!c.world.current_policy && (host_unknown || file_unknown))
    out.push_back("the policy file of " + facts.domain.policy_host());
  return out;
}

tl::expected<std::optional<Remembered>, std::string> recall(const Config& config, const Domain& domain,
                                                            TimePoint now) {
  const auto memory = read_store(config.agent.state, {domain.str()});
  if (!memory) return tl::make_unexpected(memory.error());
  if (!*memory) return std::nullopt;
  Remembered out;
  out.record = (*memory)->domain(domain);
  if (!out.record) return std::nullopt;
  out.now = now;
  out.around.limits = limits_for(config, domain);
  for (const auto& host : hosts_of(*out.record->confirmed))
    add_host(**memory, host, out);
  return out;
}

std::string nothing_kept(const std::string& what, const std::string& state) {
  if (std::error_code ignored;
      state != kInRam && !is_database(state) && !std::filesystem::exists(state, ignored))
    return what + ": there is no store " + state + "; name the service's (--config, --state)";
  return what + " in " + shown_store(state) +
         ": watch it with stswatch run first, or name the store (--config, --state)";
}

tl::expected<Remembered, std::string> look_and_recall(const Config& config, const Domain& domain,
                                                      const std::vector<std::string>& mx) {
  const auto now = SystemClock().now();
  auto before = recall(config, domain, now);
  if (!before) return tl::make_unexpected(before.error());
  auto probes = make_probes(config);
  if (!probes) return tl::make_unexpected(probes.error());
  const auto deadline = Deadline::in(config.network.look_timeout);
  auto facts = probes->observer->look_at_names(domain, now, deadline);
  facts.fetches = probes->observer->fetch_policies(domain, facts.policy_host, now, deadline);
  probes->vantage->saw(domain.policy_host(), facts.fetches, now);
  probes->observer->look_aside(facts, *before && (*before)->record ? (*before)->record->known.get() : nullptr,
                               deadline);

  Remembered out = before->value_or(Remembered{});
  out.now = now;
  out.around.limits = limits_for(config, domain);
  // Beside a memory this look is one of many, and what it doubts waits to be confirmed as the service has it;
  // alone it is taken at its word, as `check` does.
  if (!out.record) out.around.limits.confirmations = 1;
  auto hosts = hosts_of(facts);
  hosts.insert(hosts.end(), mx.begin(), mx.end());
  for (const auto& host : hosts) {
    auto seen = probes->observer->look_at_mx(host, now, deadline);
    probes->observer->look_aside(seen, out.around.confirmed[host].get(), deadline);
    probes->vantage->saw(seen);
    auto& confirmed = out.around.confirmed[host];
    auto& debounces = out.debounces[host];
    confirmed = std::make_shared<MxHostObservation>(
        confirm(confirmed.get(), seen, debounces, probes->vantage->now(host, now),
                {confirmed ? out.around.limits.confirmations : 0}));
  }
  out.around.known = out.around.confirmed;
  out.around.vantage = probes->vantage->now(domain.policy_host(), now);
  out.record = after_look(out.record.get(), facts, true, out.around).record;
  return out;
}

}  // namespace stswatch
