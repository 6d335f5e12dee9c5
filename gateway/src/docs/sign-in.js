// Signs in on this page. Which call does that, what it asks for and which field of its answer is the access token
// is all in the document: the operation with `x-access-token-field`. The token goes to Swagger UI, which sends it
// with every call that is tried out; it is kept in this page's memory alone.
(async function () {
  "use strict";

  // The interface may be below a prefix; this page is in its `/docs/`.
  const root = location.pathname.replace(/\/docs\/.*$/, "");
  const form = document.getElementById("sign-in");
  let signedIn = null;
  const told = await fetch("../openapi.json").then((answer) => answer.json());
  const found = operationWithToken(told);
  if (!found) return;
  const { path, operation } = found;
  const [scheme] = Object.entries(told.components.securitySchemes).find(([, it]) => it.scheme === "bearer");

  const inputs = fields(operation).map(([name, schema]) => {
    const input = document.createElement("input");
    input.name = name;
    input.type = schema.writeOnly ? "password" : "text";
    input.autocomplete = schema.writeOnly ? "current-password" : "username";
    return input;
  });
  const button = document.createElement("button");
  const state = document.createElement("output");
  for (const input of inputs) {
    const label = document.createElement("label");
    label.append(input.name, input);
    form.append(label);
  }
  form.append(button, state);
  show(null);
  form.hidden = false;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (signedIn) {
      window.ui.authActions.logout([scheme]);
      return show(null);
    }
    button.disabled = true;
    try {
      const answer = await fetch(root + path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(Object.fromEntries(inputs.map((input) => [input.name, input.value]))),
      });
      const body = await answer.json();
      if (!answer.ok) throw new Error(body.error.message);
      window.ui.preauthorizeApiKey(scheme, body[operation["x-access-token-field"]]);
      const named = inputs.find((input) => input.type === "text" && input.value);
      show(body.user?.username ?? named.value);
    } catch (error) {
      show(null, error.message);
    } finally {
      button.disabled = false;
    }
  });

  // Shows who is signed in, or what has failed.
  function show(who, failure = "") {
    signedIn = who;
    for (const input of inputs) {
      input.parentElement.hidden = Boolean(who);
      input.disabled = Boolean(who);
      if (input.type === "password") input.value = "";
    }
    button.textContent = who ? "Sign out" : "Sign in";
    state.className = failure ? "failed" : "";
    state.textContent = failure || (who ? `Signed in as ${who}` : "");
  }

  function operationWithToken(told) {
    for (const [path, item] of Object.entries(told.paths)) {
      if (item.post?.["x-access-token-field"]) return { path, operation: item.post };
    }
    return null;
  }

  // What the operation must be given, in its order; all that it takes, where it may be given elsewhere (`Basic`).
  function fields(operation) {
    let schema = operation.requestBody.content["application/json"].schema;
    if (schema.$ref) schema = told.components.schemas[schema.$ref.split("/").pop()];
    const names = schema.required ?? Object.keys(schema.properties);
    return names.map((name) => [name, schema.properties[name]]);
  }
})();
