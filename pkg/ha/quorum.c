#include "ha/ha.h"

int ha_majority(int members)
{
	return members / 2 + 1;
}

int ha_survives(int members)
{
	return members > 0 ? members - ha_majority(members) : 0;
}

const char *ha_advice(int members)
{
	if (members <= 0)
		return "a cluster needs a control-plane node: use 3, which survive 1 failure";
	if (members == 1)
		return "one control-plane node is no high availability: when it fails, the API is gone; "
		       "use 3, which survive 1 failure";
	if (members == 2)
		return "two control-plane nodes survive no failure: etcd needs both (majority 2 of 2), "
		       "so it is worse than one; use 3, which survive 1 failure";
	if (members % 2 == 0)
		return "an even number of control-plane nodes survives no more failures than one node "
		       "less, and has more that can fail; use an odd number: 3 survive 1 failure, 5 "
		       "survive 2, 7 survive 3";
	if (members > 7)
		return "more than 7 control-plane nodes make etcd slower, not safer: every write waits "
		       "for a majority; use 3, 5 or 7";
	return NULL;
}

int ha_survives_now(int members, int running)
{
	int spare = running - ha_majority(members);

	return members > 0 && spare >= 0 ? spare : -1;
}

static int lost(int members, int running, struct err *err)
{
	return err_set(err, ERR_QUORUM, "etcd has no quorum: %d of %d members run, %d are needed; start a member first",
		       running, members, ha_majority(members));
}

/* A new member counts before it runs; the second one may join all the same (etcd 3.4
 * server.go, isReadyToAddVotingMember). */
int ha_may_add(int members, int running, struct err *err)
{
	if (members > 0 && ha_survives_now(members, running) < 0)
		return lost(members, running, err);
	if (members <= 1 || running >= ha_majority(members + 1))
		return 0;
	return err_set(err, ERR_QUORUM, "a member more would cost etcd its quorum until it has started: %d of %d members run, with %d there must be %d; start the members that do not run, or remove them first",
		       running, members, members + 1, ha_majority(members + 1));
}

int ha_may_remove(int members, int running, bool runs, struct err *err)
{
	int left = running - runs;

	if (members > 0 && ha_survives_now(members, running) < 0)
		return lost(members, running, err);
	if (members <= 1)
		return err_set(err, ERR_QUORUM, "it is the last member of etcd: removing it ends the cluster");
	if (ha_survives_now(members - 1, left) >= 0)
		return 0;
	return err_set(err, ERR_QUORUM, "without it etcd would have no quorum: %d of %d members would run, %d are needed; start or remove the members that do not run first",
		       left, members - 1, ha_majority(members - 1));
}
