package conformance

import (
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

func TestAUserIsCreatedFoundChangedAndDeleted(t *testing.T) {
	admin, user := administrator(t), newUser(t)
	equal(t, "state", user.State, "active")
	found := must[[]*gitlab.User](t)(admin.Users.ListUsers(&gitlab.ListUsersOptions{Username: &user.Username}))
	equal(t, "number found", len(found), 1)
	equal(t, "id", found[0].ID, user.ID)

	must[*gitlab.User](t)(admin.Users.ModifyUser(user.ID, &gitlab.ModifyUserOptions{Name: gitlab.Ptr("Changed")}))
	equal(t, "name", must[*gitlab.User](t)(admin.Users.GetUser(user.ID, nil)).Name, "Changed")

	response, err := admin.Users.DeleteUser(user.ID)
	succeed(t, response, err)
	_, _, err = admin.Users.GetUser(user.ID, nil)
	missing(t, err)
}

func TestTheCurrentUserOwnsTheToken(t *testing.T) {
	user, client := newPerson(t)
	equal(t, "id", must[*gitlab.User](t)(client.Users.CurrentUser()).ID, user.ID)
}

func TestABlockedUserIsLockedOutUntilUnblocked(t *testing.T) {
	admin := administrator(t)
	user, client := newPerson(t)
	_, err := admin.Users.BlockUser(user.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = client.Users.CurrentUser()
	refusedWith(t, err, 403, "403 Forbidden")
	_, err = admin.Users.UnblockUser(user.ID)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "state", must[*gitlab.User](t)(client.Users.CurrentUser()).State, "active")
}

func TestATakenNameConflicts(t *testing.T) {
	user := newUser(t)
	_, _, err := administrator(t).Users.CreateUser(&gitlab.CreateUserOptions{
		Username:            &user.Username,
		Name:                &user.Username,
		Email:               gitlab.Ptr(newName("user") + "@example.com"),
		ForceRandomPassword: gitlab.Ptr(true),
	})
	refused(t, err, 409, "{message: Username has already been taken}")
}

func TestSudoActsAsAnotherUser(t *testing.T) {
	user, client := newPerson(t)
	equal(t, "id", must[*gitlab.User](t)(administrator(t).Users.CurrentUser(gitlab.WithSudo(user.Username))).ID, user.ID)
	_, _, err := client.Users.CurrentUser(gitlab.WithSudo(1))
	if !gitlab.HasStatusCode(err, 403) {
		t.Fatalf("expected 403, got %v", err)
	}
}
