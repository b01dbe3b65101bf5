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
