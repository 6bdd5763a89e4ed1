const form = document.querySelector("form");
let socket;

// A server that is restarted closes its sockets: browsers open new ones only if the page does.
function connect() {
  socket = new WebSocket(location.href.replace(/^http/, "ws").replace(/[^/]*$/, "ws"));
  socket.onclose = () => setTimeout(connect, 1000);
  socket.onmessage = (event) => {
    const { number, text } = JSON.parse(event.data);
    const line = document.querySelector("ol").appendChild(document.createElement("li"));
    line.value = number;
    line.textContent = text;
  };
}

form.onsubmit = (event) => {
  event.preventDefault();
  socket.send(form.elements[0].value);
  form.reset();
};
connect();
