// The directory: a name has the owner it was given last, and none after its end; names are compared byte for byte.
#include "core/session/directory.h"

#include <gtest/gtest.h>

#include <string>

namespace onehop::core {
namespace {

struct NamedSessions {
  Slab<Session, SessionId> slab;
  Directory directory{slab};

  SessionId add(const std::string& name, uint64_t hash) {
    const SessionId id = slab.insert();
    slab[id.index].name = NameStamp(name);
    slab[id.index].name_hash = hash;
    directory.insert(id);
    return id;
  }
  void remove(SessionId id) {
    directory.erase(id);
    slab.erase(id);
  }
};

TEST(Directory, FindsTheOwnerUntilItEnds) {
  NamedSessions sessions;
  EXPECT_FALSE(sessions.directory.find("bob", 17));
  const SessionId bob = sessions.add("bob", 17);
  EXPECT_EQ(sessions.directory.find("bob", 17), bob);
  sessions.remove(bob);
  EXPECT_FALSE(sessions.directory.find("bob", 17));
  const SessionId next = sessions.add("bob", 17);
  EXPECT_EQ(sessions.directory.find("bob", 17), next);
  EXPECT_NE(next, bob);
  sessions.remove(next);
}

TEST(Directory, NamesOfOneHashAreDistinct) {
  NamedSessions sessions;
  std::vector<SessionId> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(sessions.add("client" + std::to_string(i), 42));
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(sessions.directory.find("client" + std::to_string(i), 42), ids[static_cast<size_t>(i)]);
  }
  EXPECT_FALSE(sessions.directory.find("client", 42));
  EXPECT_FALSE(sessions.directory.find("Client1", 42));
  sessions.remove(ids[25]);
  EXPECT_FALSE(sessions.directory.find("client25", 42));
  EXPECT_EQ(sessions.directory.find("client26", 42), ids[26]);
}

}  // namespace
}  // namespace onehop::core
