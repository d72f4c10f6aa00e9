package conformance

import (
	"testing"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

func TestATokenReadsItself(t *testing.T) {
	user, client := newPerson(t)
	token := must[*gitlab.PersonalAccessToken](t)(client.PersonalAccessTokens.GetSinglePersonalAccessToken())
	equal(t, "user", token.UserID, user.ID)
	equal(t, "scope", token.Scopes[0], "api")
	equal(t, "active", token.Active, true)
	equal(t, "secret", token.Token, "")
}

func TestRotationReplacesTheTokenAtOnce(t *testing.T) {
	_, client := newPerson(t)
	expiry := gitlab.ISOTime(time.Now().UTC().AddDate(0, 0, 20))
	rotated := must[*gitlab.PersonalAccessToken](t)(client.PersonalAccessTokens.RotatePersonalAccessTokenSelf(
		&gitlab.RotatePersonalAccessTokenOptions{ExpiresAt: &expiry}))
	equal(t, "expiry", rotated.ExpiresAt.String(), expiry.String())

	_, _, err := client.PersonalAccessTokens.GetSinglePersonalAccessToken()
	refusedWith(t, err, 401, "Token was revoked. You have to re-authorize from the user.")
	again := connect(t, rotated.Token)
	read := must[*gitlab.PersonalAccessToken](t)(again.PersonalAccessTokens.GetSinglePersonalAccessToken())
	equal(t, "id", read.ID, rotated.ID)
}

func TestATokenRevokesItself(t *testing.T) {
	_, client := newPerson(t)
	response, err := client.PersonalAccessTokens.RevokePersonalAccessTokenSelf()
	succeed(t, response, err)
	equal(t, "status", response.StatusCode, 204)
	_, _, err = client.Users.CurrentUser()
	refusedWith(t, err, 401, "Token was revoked")
}

func TestAnAdministratorManagesTokensOfOthers(t *testing.T) {
	admin := administrator(t).PersonalAccessTokens
	user, client := newPerson(t)
	options := &gitlab.ListPersonalAccessTokensOptions{UserID: &user.ID}
	tokens := must[[]*gitlab.PersonalAccessToken](t)(admin.ListPersonalAccessTokens(options))
	equal(t, "number", len(tokens), 1)
	read := must[*gitlab.PersonalAccessToken](t)(admin.GetSinglePersonalAccessTokenByID(tokens[0].ID))
	equal(t, "name", read.Name, "conformance")
	rotated := must[*gitlab.PersonalAccessToken](t)(admin.RotatePersonalAccessTokenByID(tokens[0].ID, nil))
	_, _, err := client.Users.CurrentUser()
	refusedWith(t, err, 401, "Token was revoked")
	response, err := admin.RevokePersonalAccessTokenByID(rotated.ID)
	succeed(t, response, err)
	_, _, err = connect(t, rotated.Token).Users.CurrentUser()
	refusedWith(t, err, 401, "Token was revoked")
}
