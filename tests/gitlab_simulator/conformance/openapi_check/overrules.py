"""The list of differences between GitLab's OpenAPI document and the contract. See `differences.py`.

Sections are those of the contract. Where it is silent, the reason names GitLab's entity or service.
"""

from __future__ import annotations

from .differences import Answer, Difference, ErrorFields, Field, Lists, Parameter, Status

API = "/api/v4"


def places(component: str, *fields: str) -> tuple[str, ...]:
    """The places of some fields of one component."""
    return tuple(f"{component}.{field}" for field in fields)


LISTS: list[Difference] = [
    Lists(
        (
            f"GET {API}/admin/ci/variables",
            f"GET {API}/admin/clusters",
            f"GET {API}/deploy_tokens",
            f"GET {API}/features",
            f"GET {API}/features/definitions",
            f"GET {API}/groups",
            f"GET {API}/groups/{{id}}/clusters",
            f"GET {API}/groups/{{id}}/deploy_tokens",
            f"GET {API}/groups/{{id}}/descendant_groups",
            f"GET {API}/groups/{{id}}/members",
            f"GET {API}/groups/{{id}}/members/all",
            f"GET {API}/groups/{{id}}/projects",
            f"GET {API}/groups/{{id}}/subgroups",
            f"GET {API}/groups/{{id}}/variables",
            f"GET {API}/personal_access_tokens",
            f"GET {API}/projects",
            f"GET {API}/projects/{{id}}/clusters",
            f"GET {API}/projects/{{id}}/deploy_tokens",
            f"GET {API}/projects/{{id}}/environments",
            f"GET {API}/projects/{{id}}/members",
            f"GET {API}/projects/{{id}}/members/all",
            f"GET {API}/projects/{{id}}/variables",
            f"GET {API}/users",
        ),
        "lists are arrays; the generator writes their element (1.5)",
    ),
]

ANSWERS: list[Difference] = [
    Answer(
        (f"GET {API}/users", f"GET {API}/users/{{id}}"),
        "APIEntitiesUserWithAdmin",
        "administrators get all fields, others the basic ones among them (9)",
    ),
    Answer(
        (f"GET {API}/user",),
        "APIEntitiesUserWithAdmin",
        "an administrator asking for itself gets all fields (9)",
    ),
    Answer(
        (f"GET {API}/projects",),
        "APIEntitiesProjectsWithAccessAndCatalogSetting",
        "signed-in callers get the full element with `permissions`, others its basic fields (7)",
    ),
    Answer(
        (f"POST {API}/groups", f"PUT {API}/groups/{{id}}"),
        "APIEntitiesGroupDetail",
        "both present the group in detail; only the annotation says `Group`",
    ),
]

STATUSES: list[Difference] = [
    Status(
        (
            f"DELETE {API}/admin/ci/variables/{{key}}",
            f"DELETE {API}/admin/clusters/{{cluster_id}}",
            f"DELETE {API}/groups/{{id}}/clusters/{{cluster_id}}",
            f"DELETE {API}/groups/{{id}}/variables/{{key}}",
            f"DELETE {API}/projects/{{id}}/clusters/{{cluster_id}}",
            f"DELETE {API}/projects/{{id}}/environments/{{environment_id}}",
            f"DELETE {API}/projects/{{id}}/variables/{{key}}",
            f"DELETE {API}/users/{{id}}",
        ),
        documented=200,
        actual=204,
        reason="DELETE answers 204 without a body (1.3); 200 with the entity is what the generator makes of `success`",
    ),
    Status(
        (
            f"POST {API}/projects/{{id}}/environments/{{environment_id}}/stop",
            f"POST {API}/projects/{{id}}/environments/stop_stale",
        ),
        documented=201,
        actual=200,
        reason="both answer 200 (4)",
    ),
    Status(
        (f"POST {API}/personal_access_tokens/{{id}}/rotate",),
        documented=201,
        actual=200,
        reason="rotation answers 200, for one's own token (11, and there the document too) and for another's",
    ),
]

INTEGER = {"type": "integer"}
BOOLEAN = {"type": "boolean"}
ARRAY = {"type": "array"}
DATE = {"type": "string", "format": "date"}
NULL = {"type": "null"}
UNTYPED = "the entity names no type; the generator then writes `string`"

KINDS: list[Difference] = [
    Field(
        (
            "APIEntitiesCluster.id",
            "APIEntitiesClusterGroup.id",
            "APIEntitiesClusterProject.id",
            *places("APIEntitiesGroupAccess", "access_level", "notification_level"),
            "APIEntitiesGroup.parent_id",
            "APIEntitiesGroupDetail.parent_id",
            "APIEntitiesMember.access_level",
            *places("APIEntitiesProjectAccess", "access_level", "notification_level"),
            *places("APIEntitiesUserWithAdmin", "followers", "following", "namespace_id"),
        ),
        INTEGER,
        UNTYPED + " (2.3, 6, 7, 9)",
    ),
    Field(
        (
            *places("APIEntitiesCluster", "enabled", "managed", "namespace_per_environment"),
            *places("APIEntitiesClusterGroup", "enabled", "managed", "namespace_per_environment"),
            *places("APIEntitiesClusterProject", "enabled", "managed", "namespace_per_environment"),
            *places("APIEntitiesUserWithAdmin", "is_admin", "is_auditor", "is_followed", "using_license_seat"),
        ),
        BOOLEAN,
        UNTYPED + " (2.3, 9)",
    ),
    Field(
        (
            "APIEntitiesFeature.gates",
            *places("APIEntitiesGroupDetail", "projects", "shared_projects"),
            *places("APIEntitiesUserWithAdmin", "identities", "scim_identities"),
        ),
        ARRAY,
        "arrays inside entities are written as their element, like lists (8, 9, 11)",
    ),
    Field(
        (
            "APIEntitiesPersonalAccessTokenWithLastUsedIps.expires_at",
            "APIEntitiesPersonalAccessTokenWithToken.expires_at",
        ),
        DATE,
        "tokens expire on a day (11)",
    ),
    Field(
        places("APIEntitiesProjectsWithAccessAndCatalogSetting", "marked_for_deletion_at", "marked_for_deletion_on"),
        DATE,
        "projects are marked for deletion on a day (7)",
    ),
    Field(
        ("APIEntitiesMember.status",),
        {"enum": ["success", "error"]},
        "adding several users at once answers with a status (6, 15a)",
    ),
    Field(
        places("APIEntitiesEnvironmentBasic", "scheduled_entries", "unprocessable_entries"),
        ARRAY,
        "two lists of environments; the document has their element (4)",
    ),
    Field(
        ("APIEntitiesCluster.project",),
        NULL,
        "a change of an instance cluster answers with `project: null` (2.3)",
    ),
]

# Entities mark null nowhere. These are the fields that were null where there is nothing to say.
NULLABLE: tuple[str, ...] = (
    *places(
        "APIEntitiesBasicProjectDetails",
        "avatar_url",
        "description",
        "readme_url",
    ),
    *places(
        "APIEntitiesCiVariable",
        "description",
        "value",
    ),
    *places(
        "APIEntitiesCluster",
        "domain",
        "management_project",
        "provider_gcp",
    ),
    *places(
        "APIEntitiesClusterGroup",
        "domain",
        "management_project",
        "provider_gcp",
    ),
    *places(
        "APIEntitiesClusterProject",
        "domain",
        "management_project",
        "provider_gcp",
    ),
    *places(
        "APIEntitiesDeployToken",
        "expires_at",
    ),
    *places(
        "APIEntitiesDeployTokenWithToken",
        "expires_at",
    ),
    *places(
        "APIEntitiesEnvironment",
        "auto_stop_at",
        "description",
        "external_url",
        "last_deployment",
    ),
    *places(
        "APIEntitiesFeatureDefinition",
        "feature_issue_url",
        "introduced_by_url",
        "log_state_changes",
        "rollout_issue_url",
    ),
    *places(
        "APIEntitiesGroup",
        "auto_devops_enabled",
        "avatar_url",
        "default_branch",
        "marked_for_deletion_on",
        "mentions_disabled",
        "parent_id",
    ),
    *places(
        "APIEntitiesGroupDetail",
        "auto_devops_enabled",
        "avatar_url",
        "default_branch",
        "marked_for_deletion_on",
        "mentions_disabled",
        "parent_id",
        "runners_token",
    ),
    *places(
        "APIEntitiesMember",
        "avatar_url",
        "expires_at",
    ),
    *places(
        "APIEntitiesMetadata",
        "kas.externalK8sProxyUrl",
        "kas.externalUrl",
    ),
    *places(
        "APIEntitiesNamespaceBasic",
        "avatar_url",
        "parent_id",
    ),
    *places(
        "APIEntitiesPersonalAccessTokenWithLastUsedIps",
        "description",
        "expires_at",
        "last_used_at",
    ),
    *places(
        "APIEntitiesPersonalAccessTokenWithToken",
        "description",
        "last_used_at",
    ),
    *places(
        "APIEntitiesPlatformKubernetes",
        "ca_cert",
        "namespace",
    ),
    *places(
        "APIEntitiesProject",
        "allow_merge_on_skipped_pipeline",
        "avatar_url",
        "ci_config_path",
        "ci_delete_pipelines_in_seconds",
        "description",
        "import_error",
        "import_type",
        "import_url",
        "issue_branch_template",
        "marked_for_deletion_at",
        "marked_for_deletion_on",
        "max_artifacts_size",
        "merge_commit_template",
        "readme_url",
        "runner_token_expiration_interval",
        "squash_commit_template",
        "suggestion_commit_message",
    ),
    *places(
        "APIEntitiesProjectIdentity",
        "description",
    ),
    *places(
        "APIEntitiesProjectsWithAccessAndCatalogSetting",
        "allow_merge_on_skipped_pipeline",
        "avatar_url",
        "ci_config_path",
        "ci_delete_pipelines_in_seconds",
        "description",
        "import_error",
        "import_type",
        "import_url",
        "issue_branch_template",
        "marked_for_deletion_at",
        "marked_for_deletion_on",
        "max_artifacts_size",
        "merge_commit_template",
        "permissions.group_access",
        "permissions.project_access",
        "readme_url",
        "runner_token_expiration_interval",
        "squash_commit_template",
        "suggestion_commit_message",
    ),
    *places(
        "APIEntitiesProjectsWithCatalogSetting",
        "allow_merge_on_skipped_pipeline",
        "avatar_url",
        "ci_config_path",
        "ci_delete_pipelines_in_seconds",
        "description",
        "import_error",
        "import_type",
        "import_url",
        "issue_branch_template",
        "marked_for_deletion_at",
        "marked_for_deletion_on",
        "max_artifacts_size",
        "merge_commit_template",
        "readme_url",
        "runner_token_expiration_interval",
        "squash_commit_template",
        "suggestion_commit_message",
    ),
    *places(
        "APIEntitiesUserBasic",
        "avatar_url",
    ),
    *places(
        "APIEntitiesUserWithAdmin",
        "avatar_url",
        "created_by",
        "current_sign_in_at",
        "enterprise_group_associated_at",
        "enterprise_group_id",
        "extra_shared_runners_minutes_limit",
        "last_activity_on",
        "last_sign_in_at",
        "local_time",
        "note",
        "pronouns",
        "provisioned_by_group_id",
        "shared_runners_minutes_limit",
        "work_information",
    ),
)

PARAMETERS: list[Difference] = [
    Parameter((f"POST {API}/features/{{name}}",), ("value",), "also `true` and `false` (11)"),
    Parameter(
        (
            f"PUT {API}/groups/{{id}}/members/{{user_id}}",
            f"PUT {API}/projects/{{id}}/members/{{user_id}}",
            f"POST {API}/projects/{{id}}/members",
        ),
        ("expires_at",),
        "a day, not a moment (6)",
    ),
    Parameter(
        (f"DELETE {API}/projects/{{id}}",),
        ("permanently_remove", "full_path"),
        "deletes what is marked at once (15a)",
    ),
    Parameter(
        (f"PUT {API}/groups/{{id}}/variables/{{key}}",),
        ("filter",),
        "selects among scopes, for groups too (3)",
    ),
    Parameter(
        (f"POST {API}/projects/{{id}}/clusters/user",),
        ("management_project_id",),
        "numbers may be sent as text (1.2)",
    ),
    Parameter(
        (f"POST {API}/projects/{{id}}/deploy_tokens", f"POST {API}/groups/{{id}}/deploy_tokens"),
        ("scopes",),
        "a list with commas too (12)",
    ),
    Parameter((f"POST {API}/groups/{{id}}/variables",), ("raw",), "booleans may be sent as text (1.2)"),
    Parameter(
        (
            f"PUT {API}/admin/ci/variables/{{key}}",
            f"PUT {API}/groups/{{id}}/variables/{{key}}",
            f"PUT {API}/projects/{{id}}/variables/{{key}}",
        ),
        ("key",),
        "in the body it is ignored (3); python-gitlab sends it",
    ),
    Parameter(
        (f"PUT {API}/groups/{{id}}/variables/{{key}}", f"PUT {API}/projects/{{id}}/variables/{{key}}"),
        ("masked_and_hidden",),
        "ignored when changing a variable (3); a test sends it",
    ),
    Parameter(
        (f"PUT {API}/projects/{{id}}/environments/{{environment_id}}",),
        ("name",),
        "ignored, an environment cannot be renamed (4); a test sends it",
    ),
    Parameter(
        (f"POST {API}/groups/{{id}}/variables",),
        ("colour",),
        "unknown parameters are ignored (1.2); a test sends it",
    ),
]

ERRORS: list[Difference] = [
    ErrorFields(
        (f"DELETE {API}/projects/{{id}}/environments/review_apps",),
        ("scheduled_entries", "unprocessable_entries"),
        "when nothing matches, the message comes with two empty lists (4)",
    ),
]

OVERRULES: list[Difference] = [
    *LISTS,
    *ANSWERS,
    *STATUSES,
    *KINDS,
    Field(NULLABLE, NULL, "null where there is nothing; the generator marks it nowhere in entities (2.3 to 12)"),
    *PARAMETERS,
    *ERRORS,
]
