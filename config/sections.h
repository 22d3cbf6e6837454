// The sections of the file, one function each: which keys there are, their ranges, where they go.
#pragma once

#include "config/reader.h"

namespace stswatch::sections {

void agent(TableReader& r, AgentOptions& into);
void schedule(TableReader& r, ScheduleOptions& into);
void dns(TableReader& r, DnsOptions& into, bool& source);
void network(TableReader& r, NetworkOptions& into);
void expiry(TableReader& r, Limits& into);
void probe(TableReader& r, std::vector<std::string>& allow);
/// nullopt when the name is missing or wrong (the complaint is made).
std::optional<DomainConfig> domain(TableReader& r, const Limits& defaults);
void planned(TableReader& r, std::vector<PlannedChange>& into);
void silence(TableReader& r, std::vector<Silence>& into);
void alerts(TableReader& r, AlertOptions& into, bool shared);
void metrics(TableReader& r, MetricsOptions& into);
void tlsrpt(TableReader& r, TlsrptIntake& into, bool shared);

}  // namespace stswatch::sections
