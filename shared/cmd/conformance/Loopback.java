import java.net.InetAddress;
import java.net.InetSocketAddress;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import software.amazon.dynamodb.services.local.server.LocalDynamoDBRequestHandler;
import software.amazon.dynamodb.services.local.server.LocalDynamoDBServerHandler;

/**
 * Runs DynamoDB Local in memory, on a free port of the loopback interface, which it prints. Its own main class listens on
 * every interface, without a choice, and outlives whoever started it. This one ends with its standard input.
 */
class Loopback {
  public static void main(String[] arguments) throws Exception {
    var server = new Server(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    // In memory; each access key has tables of its own; tables are there at once.
    var requests = new LocalDynamoDBRequestHandler(0, true, null, false, false);
    server.setHandler(new LocalDynamoDBServerHandler(requests, null));
    server.start();
    System.out.println("port " + ((ServerConnector) server.getConnectors()[0]).getLocalPort());
    while (System.in.read() >= 0) {}
    Runtime.getRuntime().halt(0);
  }
}
