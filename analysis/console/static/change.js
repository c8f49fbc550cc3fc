// Changes: a POST of JSON with the token that only this console's pages have been given.

/**
 * Ask for a change. Throws an Error whose message is for the person at the page.
 * @param {AbortSignal} [signal] ends the wait for an answer.
 */
export async function change(address, content = {}, signal = undefined) {
  const token = document.querySelector("meta[name='change-token']").content;
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Sim2Race-Change": token },
    body: JSON.stringify(content),
    signal,
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}
