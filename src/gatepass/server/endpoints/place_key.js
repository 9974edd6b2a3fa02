// Stores the binding key of a test's session (PROTOCOL §5), where the browser client keeps it. Runs in each new document
// before its own scripts. Its transaction is the first one, and stays open until the key is made: so the page finds it.
(({ issuer, sid, secret }) => {
  try {
    const name = document.cookie.split("; ").find((pair) => pair.includes(`=${sid}.`));
    // Another session by now, or none: the person has signed out.
    if (!name) return;
    const { protocol, port } = new URL(issuer);
    const own = protocol === "https:" ? `__Host-gatepass_state${port && `_${port}`}` : `gatepass_state_${port || 80}`;
    // PUBLIC_URL has another port. A page that was not told so looks under its own, and by this note it says what is wrong.
    if (!name.startsWith(own)) localStorage.setItem(`gatepass:${issuer}:key`, `${sid}+`);
  } catch {
    return; // a frame that has no cookies
  }
  let key;
  const bytes = Uint8Array.from(atob(secret.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
  crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]).then(
    (made) => {
      key = made;
    },
    () => {
      key = null;
    },
  );
  const request = indexedDB.open("gatepass");
  request.onupgradeneeded = () => request.result.createObjectStore("gatepass");
  request.onsuccess = () => {
    const database = request.result;
    if (!database.objectStoreNames.contains("gatepass")) return database.close();
    const transaction = database.transaction("gatepass", "readwrite");
    const store = transaction.objectStore("gatepass");
    const put = () => {
      const found = store.get(issuer);
      found.onsuccess = () => {
        if (key === undefined) return put();
        const id = sid.slice(0, 16);
        if (key && !found.result?.[id]) store.put({ ...found.result, [id]: { key } }, issuer);
      };
    };
    put();
    transaction.oncomplete = transaction.onabort = () => database.close();
  };
});
