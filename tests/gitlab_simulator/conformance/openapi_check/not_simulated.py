"""The paths of GitLab's OpenAPI document that the simulator does not have, each with the reason."""

API = "/api/v4"

NO_AGENT = "there is no agent for Kubernetes"
NO_HOOKS = "nothing sends webhooks"
NO_LICENCE = "needs a licence, and nothing here reads it"
NO_REPOSITORY = "projects have no repository"

# By path, with all its operations.
NOT_SIMULATED: dict[str, str] = {
    f"{API}/groups/{{id}}/hooks": NO_HOOKS,
    f"{API}/groups/{{id}}/hooks/{{hook_id}}": NO_HOOKS,
    f"{API}/groups/{{id}}/members/approve_all": NO_LICENCE,
    f"{API}/groups/{{id}}/members/{{member_id}}/approve": NO_LICENCE,
    f"{API}/groups/{{id}}/members/{{user_id}}/override": NO_LICENCE,
    f"{API}/groups/{{id}}/members/{{user_id}}/state": NO_LICENCE,
    f"{API}/groups/{{id}}/protected_environments": NO_LICENCE,
    f"{API}/groups/{{id}}/protected_environments/{{name}}": NO_LICENCE,
    f"{API}/hooks": NO_HOOKS,
    f"{API}/hooks/{{hook_id}}": NO_HOOKS,
    f"{API}/hooks/{{hook_id}}/custom_headers/{{key}}": NO_HOOKS,
    f"{API}/hooks/{{hook_id}}/url_variables/{{key}}": NO_HOOKS,
    f"{API}/personal_access_tokens/self/associations": "tells only what members and projects tell too",
    f"{API}/projects/{{id}}/cluster_agents": NO_AGENT,
    f"{API}/projects/{{id}}/cluster_agents/{{agent_id}}": NO_AGENT,
    f"{API}/projects/{{id}}/cluster_agents/{{agent_id}}/tokens": NO_AGENT,
    f"{API}/projects/{{id}}/cluster_agents/{{agent_id}}/tokens/{{token_id}}": NO_AGENT,
    f"{API}/projects/{{id}}/cluster_agents/{{agent_id}}/url_configurations": NO_AGENT,
    f"{API}/projects/{{id}}/cluster_agents/{{agent_id}}/url_configurations/{{url_configuration_id}}": NO_AGENT,
    f"{API}/projects/{{id}}/hooks": NO_HOOKS,
    f"{API}/projects/{{id}}/hooks/{{hook_id}}": NO_HOOKS,
    f"{API}/projects/{{id}}/protected_environments": NO_LICENCE,
    f"{API}/projects/{{id}}/protected_environments/{{name}}": NO_LICENCE,
    f"{API}/projects/{{id}}/repository/branches": NO_REPOSITORY,
    f"{API}/projects/{{id}}/repository/branches/{{branch}}": NO_REPOSITORY,
    f"{API}/projects/{{id}}/repository/commits": NO_REPOSITORY,
    f"{API}/projects/{{id}}/repository/files/{{file_path}}": NO_REPOSITORY,
    f"{API}/projects/{{id}}/repository/files/{{file_path}}/raw": NO_REPOSITORY,
}
