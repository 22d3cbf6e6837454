// This agent's rows among those of the fleet. Internal to the store.
#pragma once

#include "agent/remember/fleet.h"
#include "agent/remember/postgres.h"
#include "agent/remember/store_backend.h"

namespace stswatch::pg {

struct Member {
  std::string name, vantage;
  std::int64_t incarnation = 0;  // of this run, as the database counted
  std::shared_ptr<Leases> leases;
};

/// First in a transaction whose statements are to see one moment.
inline constexpr const char* kOneMoment = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";

/// `store` owns it and outlives its thread.
std::unique_ptr<Fleet> make_fleet(std::unique_ptr<Session> session, Member me, LiveStore& store);

FleetView view_of(Session& session);

}  // namespace stswatch::pg
